"""No test passes because what it looks at was empty: each asserts something outside of loops and conditions."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("test_*.py"))
RAISING = {"pytest.raises", "pytest.warns", "pytest.fail"}
WAITING = {"poll"}  # raises where what it waits for does not come
PROGRAMS = {"inside": "a fixture that runs a program, and asserts that it ends well"}
ONLY_BY_RAISING = {
    # these show that nothing is raised; what each calls has no result to look at
    "test_a_client_that_is_answered_raises_nothing": "a client that was not answered raises its library's own error",
    "test_a_client_that_does_not_verify_takes_any_certificate": "one that verifies raises, as the test above it shows",
}


def named(call: ast.Call) -> str:
    return ast.unparse(call.func)


def calls(statement: ast.AST) -> Iterator[str]:
    """Yield what is called wherever the statement is carried out, not in a condition or a loop inside it."""
    if isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign | ast.Return) and statement.value is not None:
        yield from (named(one) for one in ast.walk(statement.value) if isinstance(one, ast.Call))


def firm(body: Iterable[ast.stmt], asserting: frozenset[str]) -> bool:
    """Tell whether statements assert something whatever happens."""
    return any(firmly(one, asserting) for one in body)


def firmly(statement: ast.stmt, asserting: frozenset[str]) -> bool:  # noqa: PLR0911 - a line for each kind
    match statement:
        case ast.Assert(test=test):
            return not vacuous(test)
        case ast.With(items=items, body=body):
            entered = {named(one.context_expr) for one in items if isinstance(one.context_expr, ast.Call)}
            return bool(entered & (RAISING | asserting)) or firm(body, asserting)
        case ast.If(body=body, orelse=orelse):
            return firm(body, asserting) and firm(orelse, asserting)
        case ast.For(iter=ast.Tuple(elts=[_, *_]) | ast.List(elts=[_, *_]), body=body):
            return firm(body, asserting)
        case ast.For(iter=ast.Call(func=ast.Name("range"), args=[ast.Constant(value=int(number))]), body=body):
            return number > 0 and firm(body, asserting)
        case ast.While(test=ast.Constant(value=True), body=body):
            return firm(body, asserting)
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=last):
            caught = all(firm(one.body, asserting) or leaves(one.body) for one in handlers)
            return firm(last, asserting) or (firm([*body, *orelse], asserting) and caught)
        case ast.Match(cases=cases):
            return all(firm(one.body, asserting) for one in cases)
        case _:
            return bool(set(calls(statement)) & (RAISING | WAITING | asserting))


def leaves(body: Iterable[ast.stmt]) -> bool:
    return any(isinstance(one, ast.Raise) for one in body)


def vacuous(test: ast.expr) -> bool:
    """Tell whether an assertion is one that holds of nothing: `all(… for …)`, `not any(… for …)`, `not [… for …]`."""
    match test:
        case ast.Call(func=ast.Name("all"), args=[ast.GeneratorExp() as over]):
            return maybe_empty(over)
        case ast.UnaryOp(op=ast.Not(), operand=ast.Call(func=ast.Name("any"), args=[ast.GeneratorExp() as over])):
            return maybe_empty(over)
        case ast.UnaryOp(op=ast.Not(), operand=ast.ListComp() | ast.SetComp() | ast.DictComp() as over):
            return maybe_empty(over)
        case _:
            return False


def maybe_empty(over: ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp) -> bool:
    """Tell whether what a comprehension runs over may be empty; what is written out, or all in capitals, is not."""
    first = over.generators[0].iter
    written = isinstance(first, ast.Tuple | ast.List | ast.Constant) or ast.unparse(first).isupper()
    return not written


def functions(tree: ast.Module) -> Mapping[str, ast.FunctionDef]:
    """Return the functions of a module, those within others too."""
    return {one.name: one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the module and the name of each thing that is imported from a module."""
    for one in ast.walk(tree):
        if isinstance(one, ast.ImportFrom):
            yield from ((one.module or "", alias.name) for alias in one.names)


def module_of(file: Path) -> str:
    """Return the name by which tests import a module."""
    return ".".join(file.relative_to(TESTS).with_suffix("").parts)


@cache
def helpers() -> Mapping[str, frozenset[str]]:
    """Return, by module of the tests, the names of what it defines that asserts something whenever it is called."""
    trees = {module_of(file): ast.parse(file.read_text()) for file in sorted(TESTS.rglob("*.py"))}
    found: dict[str, frozenset[str]] = dict.fromkeys(trees, frozenset())
    while True:
        known = {module: at_hand(tree, module, found) for module, tree in trees.items()}
        now = {module: _asserting(tree, known[module]) for module, tree in trees.items()}
        if now == found:
            return found
        found = now


def _asserting(tree: ast.Module, known: frozenset[str]) -> frozenset[str]:
    own = (one for one in tree.body if isinstance(one, ast.FunctionDef) and not one.name.startswith("test_"))
    return frozenset(one.name for one in own if firm(one.body, known))


def at_hand(tree: ast.Module, module: str, found: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return what a module can call by its name that asserts something: its own, and what it imports."""
    return found.get(module, frozenset()) | {name for other, name in imported(tree) if name in found.get(other, ())}


def weak(source: str, module: str = "") -> list[str]:
    """Return the names of the tests that may pass without having asserted anything."""
    tree = ast.parse(source)
    known = at_hand(tree, module, helpers()) | PROGRAMS.keys()
    tests = {name: one for name, one in functions(tree).items() if name.startswith("test_")}
    return [name for name, one in tests.items() if not firm(one.body, known)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_test_asserts_something_whatever_it_meets(file: Path) -> None:
    assert [name for name in weak(file.read_text(), module_of(file)) if name not in ONLY_BY_RAISING] == []


def test_every_exception_is_one_and_has_its_reason() -> None:
    found = {name for file in FILES for name in weak(file.read_text(), module_of(file))}
    assert found == set(ONLY_BY_RAISING)
    assert all(ONLY_BY_RAISING.values())


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("for one in seen: assert one", True),
        ("if seen: assert seen", True),
        ("assert all(one for one in seen)", True),
        ("assert not [one for one in seen if one]", True),
        ("assert not any(one for one in seen)", True),
        ("try: seen()\n    except ValueError: assert seen", True),
        ("pass", True),
        ("assert seen\n    for one in seen: assert one", False),
        ("for one in (1, 2): assert one", False),
        ("if seen: assert seen\n    else: assert not seen", False),
        ("with pytest.raises(ValueError): seen()", False),
        ("poll(seen, 1, 'it')", False),
        ("assert all(one for one in (1, 2))", False),
    ],
)
def test_the_check_finds_the_kind(body: str, found: bool) -> None:
    assert bool(weak(f"def test_it(seen):\n    {body}\n")) is found
