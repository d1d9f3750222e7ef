"""Files are written through one door, `labctl/system/files.py`, so that each has the same words for what the system refuses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import labctl

PACKAGE = Path(labctl.__file__).parent
WRITING = {
    *(
        "write_text",
        "write_bytes",
        "mkdir",
        "makedirs",
        "touch",
        "unlink",
        "rmdir",
        "rename",
        "symlink_to",
        "hardlink_to",
    ),
    *("mkdtemp", "mkstemp", "TemporaryDirectory", "TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile"),
    *("rmtree", "copy2", "copyfile", "copytree", "move", "chmod", "chown", "truncate", "mkfifo", "mknod"),
}
EXCEPTIONS = {
    "system/files.py": "it is the door",
    "agent": "it runs in a host, and what it writes there is the host's",
    "standin": "it is the program of a host, and its socket lies in the folder of its lab",
}
IN_MEMORY = "fileobj"  # of tarfile.open
HARMLESS = {"cli/main.py": {"os.open(os.devnull, os.O_WRONLY)"}}  # nothing is kept there


def written(file: Path) -> Iterator[str]:
    """Yield each call in a module that writes a file, with its line."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and writes(node):
            text = ast.unparse(node)
            if text not in HARMLESS.get(str(file.relative_to(PACKAGE)), ()):
                yield f"{file.relative_to(PACKAGE)}:{node.lineno}: {text}"


def writes(call: ast.Call) -> bool:
    """Tell whether a call makes, changes or removes a file."""
    match call.func:
        case ast.Attribute(ast.Name("os"), "open"):
            return "O_RDONLY" not in ast.unparse(call)
        case ast.Attribute(ast.Name("files"), _):
            return False
        case ast.Name("open") | ast.Attribute(_, "open"):
            words = [
                ast.unparse(one) for one in (*call.args, *(key.value for key in call.keywords if key.arg == "mode"))
            ]
            modes = {word[1:-1] for word in words if word[:1] in "'\""}
            in_memory = any(key.arg == IN_MEMORY for key in call.keywords)
            return not in_memory and any(set(mode) <= set("rwxabt+") and set(mode) & set("wxa+") for mode in modes)
        case ast.Attribute(_, "replace"):
            return len(call.args) == 1 and not call.keywords  # Path.replace; str.replace takes two, dataclasses' names
        case ast.Name(name) | ast.Attribute(_, name):
            return name in WRITING
    return False


def excepted(file: Path) -> bool:
    inner = file.relative_to(PACKAGE)
    return str(inner) in EXCEPTIONS or inner.parts[0] in EXCEPTIONS


@pytest.mark.parametrize(
    "file", [file for file in sorted(PACKAGE.rglob("*.py")) if not excepted(file)], ids=lambda file: file.stem
)
def test_nothing_else_on_labctls_side_writes_files(file: Path) -> None:
    assert list(written(file)) == []


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_each_exception_is_one(name: str) -> None:
    file = PACKAGE / name
    assert any(any(written(one)) for one in ([file] if file.is_file() else file.rglob("*.py"))), EXCEPTIONS[name]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("path.open('ab')", True),
        ("path.open(mode='x')", True),
        ("open(path, 'w')", True),
        ("path.open()", False),
        ("path.open('rb')", False),
        ("os.open(path, os.O_RDONLY)", False),
        ("os.open(path, os.O_RDWR)", True),
        ("tarfile.open(path, 'w')", True),
        ("tarfile.open(fileobj=memory, mode='w')", False),
        ("beside.replace(file)", True),
        ("text.replace('a', 'b')", False),
        ("dataclasses.replace(value, name=1)", False),
        ("tempfile.mkdtemp()", True),
        ("folder.mkdir(parents=True)", True),
        ("files.append(file, b'')", False),
    ],
)
def test_calls_that_write_are_known(text: str, *, found: bool) -> None:
    [statement] = ast.parse(text).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    assert writes(statement.value) is found
