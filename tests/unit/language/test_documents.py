"""YAML files with the place of everything in them, and every mistake told at its place."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from labctl.errors import Mistakes, UsageError
from labctl.language import bounds, documents
from labctl.language.documents import Document
from labctl.language.fields import Duration, Written


class Inner(Written):
    """A nested part."""

    wait: Duration = 1.0


class Example(Written):
    """A file."""

    name: str
    inner: Inner = Inner()
    several: tuple[Inner, ...] = ()


def read(folder: Path, text: str | bytes) -> Document:
    file = folder / "example.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return documents.read(file, "example.yaml")


def mistakes(folder: Path, text: str) -> list[str]:
    """Return what is wrong with a text, as it is printed."""
    with pytest.raises(Mistakes) as caught:
        documents.parse(Example, read(folder, text))
    assert caught.value.exit_code == 2
    return str(caught.value).splitlines()


def test_a_file_without_mistakes_is_read(tmp_path: Path) -> None:
    parsed = documents.parse(Example, read(tmp_path, "name: a\ninner: {wait: 2s}\nseveral: [{wait: 3s}, {}]\n"))
    assert parsed == Example.model_validate({"name": "a", "inner": {"wait": "2s"}, "several": [{"wait": "3s"}, {}]})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: a\niner: {}\n", "example.yaml:2:1: unknown key 'iner'. Did you mean 'inner'?"),
        ("name: a\ninner:\n  wiat: 1s\n", "example.yaml:3:3: unknown key 'wiat'. Did you mean 'wait'?"),
        ("name: a\nseveral:\n- wait: 1s\n- x: 2\n", "example.yaml:4:3: unknown key 'x'. Known here: wait."),
        ("name: [a]\n", "example.yaml:1:7: expected text."),
        ("name: a\ninner: 7\n", "example.yaml:2:8: 7: expected a mapping of keys and values."),
        (
            "name: a\ninner: {wait: soon}\n",
            "example.yaml:2:15: 'soon': is not a duration; write a number and ms, s or m, such as 300ms, 2s or 10m.",
        ),
        ("inner: {}\n", "example.yaml:1:1: the key 'name' is missing."),
        ("name: a\nname: b\n", "example.yaml:2:1: the key 'name' is given twice."),
        ("name: !!python/name:os.system a\n", "example.yaml:1:7: the tag tag:yaml.org,2002:python/name:os.system"),
        *(
            (
                f"override: {tag} {value}\n",
                f"example.yaml:1:11: the tag {tag} has no meaning here. An override adds to a stack or replaces a value. To leave something out, write another stack.",
            )
            for tag in ("!reset", "!override")
            for value in ("[]", "{a: b}", "null", "x")
        ),
        ("name: !secret a\n", "example.yaml:1:7: the tag !secret has no meaning here. Plain values only."),
        ("name: !!set {a}\n", "example.yaml:1:7: "),
        ("name: 2026-01-01\n", "example.yaml:1:7: "),
        ("? [a, b]\n: c\n", "example.yaml:1:3: a key must be a plain word."),
        ("- name\n", "example.yaml:1:1: this file must be a mapping of keys to values."),
        ("", "example.yaml:1:1: this file must be a mapping of keys to values."),
        ("name: [a\n", "example.yaml:2:1: this is not YAML: "),
        ("name: a\n\tinner: b\n", "example.yaml:2:1: this is not YAML: "),
        ("name: *nobody\n", "example.yaml:1:7: this is not YAML: found undefined alias 'nobody'."),
        ("name: a\n---\nname: b\n", "example.yaml:2:1: this is not YAML: "),
    ],
)
def test_a_mistake_is_told_at_its_place(tmp_path: Path, text: str, told: str) -> None:
    [only] = mistakes(tmp_path, text)
    assert only.startswith(told)


def test_all_mistakes_of_a_file_are_told_at_once_in_their_order(tmp_path: Path) -> None:
    told = mistakes(tmp_path, "several:\n- wait: x\n- wiat: 1s\ninner: 1\nnmae: a\n")
    assert [line.split(":")[1:3] for line in told] == [["1", "1"], ["2", "9"], ["3", "3"], ["4", "8"], ["5", "1"]]


def test_an_alias_is_judged_where_it_is_used(tmp_path: Path) -> None:
    parsed = documents.parse(Example, read(tmp_path, "name: a\ninner: &x {wait: 2s}\nseveral: [*x, *x]\n"))
    assert [one.wait for one in parsed.several] == [2.0, 2.0]


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)
HOSTILE = {
    "a bomb of aliases": BOMB,
    "lists within lists": "a: " + "[" * 20_000 + "]" * 20_000,
    "maps within maps": "".join(" " * n + "a:\n" for n in range(600)),
    "an anchor within itself": "a: &a [*a]\n",
    "very many values": "a: [" + "x, " * 20_000 + "]",
    "a merge of a merge": "a: &a {b: c}\nd: {<<: *a}\n",
    "a number of many digits": "a: " + "9" * 10_000,
    "a float beyond floats": "a: 1e999999999\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_or_harmless_and_soon(tmp_path: Path, text: str) -> None:
    began = time.monotonic()
    with pytest.raises(UsageError) as caught:
        documents.parse(Example, read(tmp_path, text))
    assert "example.yaml" in str(caught.value)
    assert len(str(caught.value)) < 4000
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("raw", [b"\xff\xfename: a\n", b"name: \xe9\n", b"\x80"])
def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(UsageError, match=r"example.yaml:1:\d+: this is not UTF-8 text"):
        read(tmp_path, raw)


def test_a_file_that_is_too_large_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="larger than 256 KiB"):
        read(tmp_path, "#" * (bounds.MOST_BYTES + 1))


@pytest.mark.parametrize("broken", ["nowhere.yaml", "."])
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, broken: str) -> None:
    with pytest.raises(UsageError, match="cannot be read: (No such file|Is a directory)"):
        documents.read(tmp_path / broken)


@given(st.text())
def test_any_text_is_a_document_or_a_mistake(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever is in a file, nothing but a UsageError comes out."""
    folder = tmp_path_factory.getbasetemp()
    try:
        parsed = documents.parse(Example, read(folder, text.encode("utf-8", "surrogatepass")))
    except UsageError as error:
        assert str(error)
    else:
        assert isinstance(parsed, Example)


@given(st.text(alphabet="ab:-[]{}&*!|>?%@#'\"\\ \n\t,~0123456789.", max_size=80))
def test_any_text_of_yaml_s_own_marks_is_a_document_or_a_mistake(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        document = read(folder, text)
    except UsageError as error:
        assert "example.yaml" in str(error)
    else:
        assert document.file.endswith("example.yaml")


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8"))
KEYS = st.sampled_from(["name", "inner", "several", "wait"]) | st.text(st.characters(codec="utf-8"), max_size=5)
VALUES: st.SearchStrategy[Any] = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_values_are_an_example_or_mistakes_at_a_place(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]
) -> None:
    file = tmp_path_factory.getbasetemp() / "values.yaml"
    YAML(typ="safe", pure=True).dump(values, file)
    lines = len(file.read_bytes().splitlines())
    try:
        parsed = documents.parse(Example, documents.read(file))
    except Mistakes as error:
        assert error.mistakes
        assert all(1 <= mistake.line <= lines + 1 and mistake.column >= 1 for mistake in error.mistakes)
    except UsageError as error:
        assert str(error)
    else:
        assert isinstance(parsed, Example)


def test_what_many_share_is_parsed_once(tmp_path: Path) -> None:
    """A stack is read for each scenario on it; a file that was changed meanwhile is parsed anew."""
    file = tmp_path / "shared.yaml"
    file.write_text(f"a: {tmp_path.name}\n")
    first = documents.read(file)
    assert documents.read(file).value is first.value
    file.write_text("a: other\n")
    assert documents.read(file).value == {"a": "other"}
