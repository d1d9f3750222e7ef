"""Whatever stands in a file: labctl's own errors come out, never a traceback, in good time and with little memory.

Each case begins with a valid file and changes it, which finds more than arbitrary bytes. With LABCTL_ENDURANCE set there
are many more of them.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from ruamel.yaml import YAML

from labctl.clients import PORTS, Target
from labctl.errors import LabctlError, Mistakes, UsageError
from labctl.knowledge import truths, why
from labctl.language import fields
from labctl.report import why as report
from labctl.results import bundle, record, result
from labctl.scenario.load import load
from labctl.stack import service
from labctl.symptoms import symptoms
from labctl.system.places import installed
from support.bundles import RAN, folder, packed, unpacked, with_sums
from support.known import entries
from support.mutations import CHANGES, ODD, Change, bounded, cases, mangled, mutated
from support.symptoms_real import REAL
from support.symptoms_text import WORDED

SCENARIOS = sorted(installed("scenarios").glob("*.yaml"))
STACKS = sorted(installed("compose").glob("*.yaml"))
yaml = YAML(typ="safe", pure=True)
TREES: dict[Path, Any] = {file: yaml.load(file) for file in (*SCENARIOS, *STACKS)}
ONES = st.integers(0, 9999)


def told(error: UsageError) -> None:
    """See that an error has words, which can be printed anywhere."""
    assert str(error)
    if isinstance(error, Mistakes):
        assert all(one.line >= 1 and one.column >= 1 for one in error.mistakes)


def loads(file: Path, raw: bytes) -> None:
    file.write_bytes(raw)
    with bounded(len(raw)):
        try:
            load(file)
        except UsageError as error:
            told(error)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the stacks lie beside the scenarios."""
    made = tmp_path_factory.mktemp("fuzz")
    for file in STACKS:
        shutil.copy(file, made)
    load(SCENARIOS[0])  # what is loaded once is no case's memory
    return made


@cases(120)
@given(ONES, CHANGES)
def test_a_scenario_with_other_values_in_it(place: Path, number: int, changes: list[Change]) -> None:
    """JSON is YAML, and quicker to write; its escapes bring in any character."""
    source = SCENARIOS[number % len(SCENARIOS)]
    raw = json.dumps(mutated(TREES[source], changes)).encode()
    loads(place / source.name, raw)


@cases(120)
@given(ONES, CHANGES)
def test_a_scenario_with_other_text_in_it(place: Path, number: int, changes: list[Change]) -> None:
    source = SCENARIOS[number % len(SCENARIOS)]
    loads(place / source.name, mangled(source.read_text(), changes))


@cases(80)
@given(ONES, ONES, CHANGES, CHANGES, st.booleans())
def test_a_stack_with_other_values_or_text_in_it_and_an_override(
    place: Path, number: int, over: int, changes: list[Change], others: list[Change], as_text: bool
) -> None:
    source = STACKS[number % len(STACKS)]
    tree = mutated(TREES[source], changes)
    raw = mangled(source.read_text(), changes) if as_text else json.dumps(tree).encode()
    (place / "changed.yaml").write_bytes(raw)
    override = mutated(TREES[STACKS[over % len(STACKS)]], others)
    written = {**TREES[SCENARIOS[0]], "stack": "./changed.yaml", "override": override}
    loads(place / SCENARIOS[0].name, json.dumps(written).encode())


@cases(200)
@given(st.binary(max_size=400) | st.text(st.characters(codec=None), max_size=200))
def test_a_scenario_that_is_anything(place: Path, content: bytes | str) -> None:
    loads(place / "any.yaml", content if isinstance(content, bytes) else content.encode(errors="surrogatepass"))


@cases(200)
@given(ONES, CHANGES, st.booleans())
def test_a_record(place: Path, number: int, changes: list[Change], as_text: bool) -> None:
    source = record.file_of(SCENARIOS[number % len(SCENARIOS)])
    text = source.read_text()
    raw = mangled(text, changes) if as_text else json.dumps(mutated(json.loads(text), changes)).encode()
    file = place / source.name
    file.write_bytes(raw)
    with bounded(len(raw)):
        try:
            record.read(file)
        except UsageError as error:
            told(error)


@cases(20)
@given(CHANGES, st.booleans())
def test_the_table_of_what_controls_have_shown(place: Path, changes: list[Change], as_text: bool) -> None:
    text = truths.file_of(SCENARIOS[0]).read_text()
    raw = mangled(text, changes) if as_text else json.dumps(mutated(json.loads(text), changes)).encode()
    (place / truths.FILE).write_bytes(raw)
    with bounded(len(raw)):
        try:
            truths.read(place / truths.FILE)
        except UsageError as error:
            told(error)


@cases(200)
@given(CHANGES, st.booleans())
def test_a_result(changes: list[Change], as_text: bool) -> None:
    text = json.dumps(asdict(RAN), default=str)
    raw = mangled(text, changes) if as_text else json.dumps(mutated(json.loads(text), changes)).encode()
    with bounded(len(raw)):
        try:
            result.parse(raw)
        except UsageError as error:
            told(error)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sound bundle."""
    at = tmp_path_factory.mktemp("made")
    bundle.make(folder(at), at / "x.tar.gz")
    return at / "x.tar.gz"


@cases(40)
@given(ONES, CHANGES, st.booleans())
def test_a_bundle_whose_files_say_something_else(
    made: Path, place: Path, number: int, changes: list[Change], summed: bool
) -> None:
    """With sums that fit what is in it, or without."""
    members = unpacked(made)
    names = sorted(name for name in members if name.endswith(".json"))
    name = names[number % len(names)]
    changed = {**members, name: json.dumps(mutated(json.loads(members[name]), changes)).encode()}
    if summed and not name.endswith(bundle.MANIFEST):
        changed = with_sums(changed)
    file = packed(changed, place / "x.tar.gz")
    with bounded(sum(map(len, changed.values()))):
        verified = bundle.verify(file)
    assert all(isinstance(problem, str) and problem for problem in verified.problems)


PIECES = [text for _, text, _ in REAL] + [text for text, _ in WORDED]


@cases(40)
@given(ONES, ONES, CHANGES)
def test_a_text_whose_cause_is_asked_for(number: int, other: int, changes: list[Change]) -> None:
    text = "\n".join((PIECES[number % len(PIECES)], PIECES[other % len(PIECES)]))
    raw = mangled(text, changes)
    known = entries()
    page = Console(file=StringIO(), width=100)
    with bounded(len(raw)):
        answers = [why.why(one, known) for one in symptoms(raw.decode(errors="replace"))]
        report.why(page, answers)


@pytest.mark.parametrize("text", PIECES[:: max(1, len(PIECES) // 8)])
def test_a_long_text_whose_cause_is_asked_for_is_read_in_good_time(text: str) -> None:
    many = "\n".join([text] * max(1, 60_000 // (len(text) + 1)))
    for whole in (many, many.replace("\n", " "), text[: len(text) // 2] + " (" * 20_000):
        with bounded(len(whole)):
            symptoms(whole)


KINDS: list[Any] = [
    *(fields.Duration, fields.Time, fields.Pattern, fields.Name, fields.Host, fields.TargetURL, fields.Text, fields.Line),
    *(fields.Sysctls, fields.Environment, fields.Listener, fields.Errno, fields.Amount, fields.ExitCode, fields.Command),
    *(service.Size, service.Address, service.Inside, service.HostName, service.Variables, service.Service),
]  # fmt: skip
READERS = [pydantic.TypeAdapter(kind) for kind in KINDS]
VALUES = st.sampled_from(ODD) | st.text(st.characters(codec=None), max_size=60) | st.integers() | st.floats()


@cases(300)
@given(st.integers(0, len(READERS) - 1), VALUES | st.lists(VALUES, max_size=3) | st.dictionaries(st.text(), VALUES))
def test_a_field(number: int, value: Any) -> None:
    """What a validator does not take is pydantic's error, which a file's reader turns into a mistake at its place."""
    with bounded(1000):
        try:
            READERS[number].validate_python(value)
        except pydantic.ValidationError as error:
            assert error.errors()


@cases(300)
@given(
    st.sampled_from(ODD).map(str) | st.text(st.characters(codec=None)),
    st.sampled_from([*(f"{scheme}://" for scheme in PORTS), ""]),
)
def test_a_target(text: str, scheme: str) -> None:
    try:
        read = Target.parse(f"{scheme}{text}")
    except ValueError as error:
        assert str(error)
    else:
        assert 1 <= read.port <= 65535
        assert read.host
        assert not read.host.startswith("-")
        assert "@" not in read.host


def test_the_errors_of_parsers_are_labctl_s_own() -> None:
    assert issubclass(UsageError, LabctlError)
