"""Durations, patterns, targets and commands, as people write them."""

from __future__ import annotations

import time

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.clients import Target
from labctl.language.fields import (
    HOSTS,
    LONGEST,
    Duration,
    Host,
    Pattern,
    TargetURL,
    Written,
    argv,
    duration,
    matches,
    typed,
)

DURATION: pydantic.TypeAdapter[float] = pydantic.TypeAdapter(Duration)
PATTERN: pydantic.TypeAdapter[str] = pydantic.TypeAdapter(Pattern)
TARGET: pydantic.TypeAdapter[str] = pydantic.TypeAdapter(TargetURL)
HOST: pydantic.TypeAdapter[str] = pydantic.TypeAdapter(Host)


@pytest.mark.parametrize(
    ("written", "seconds"), [("300ms", 0.3), ("2s", 2.0), ("1.5s", 1.5), ("10m", 600.0), ("0s", 0.0), (" 1s ", 1.0)]
)
def test_durations_are_seconds(written: str, seconds: float) -> None:
    assert DURATION.validate_python(written) == pytest.approx(seconds)


@given(st.integers(0, int(LONGEST * 1000)))
def test_a_duration_that_is_written_is_read_back(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert DURATION.validate_python(duration(seconds)) == pytest.approx(seconds, abs=1e-9, rel=1e-5)


@pytest.mark.parametrize("written", ["2", 2, "s", "-1s", "1h", "1 s s", "١s", "1e3s", "", None, True, [], "1s\n2s"])
def test_what_is_no_duration_is_refused_with_an_example(written: object) -> None:
    with pytest.raises(pydantic.ValidationError, match="300ms, 2s or 10m"):
        DURATION.validate_python(written)


@pytest.mark.parametrize("written", ["601s", "11m", "999999m"])
def test_a_duration_that_no_step_may_take_is_refused(written: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="longer than 10m"):
        DURATION.validate_python(written)


@pytest.mark.parametrize("number", [float("inf"), float("nan"), -1.0, 1e9])
def test_a_number_without_a_unit_is_no_duration_even_if_yaml_reads_a_float(number: float) -> None:
    with pytest.raises(pydantic.ValidationError):
        DURATION.validate_python(number)


@pytest.mark.parametrize("written", ["(", "a{2000}", r"\1", "(?=x)", "(?<!y)"])
def test_a_pattern_that_re2_does_not_understand_is_refused(written: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="RE2"):
        PATTERN.validate_python(written)


def test_a_pattern_is_looked_for_anywhere_line_by_line() -> None:
    assert matches(r"^LISTEN\s", "State\nLISTEN 0\n")
    assert matches(r"8080$", "0.0.0.0:8080\nnext")
    assert not matches(r"^0", "State 0")


def test_an_alternative_at_the_top_of_a_pattern_is_multiline_on_both_sides() -> None:
    assert matches("^a$|^b$", "x\nb\ny")


def test_no_pattern_explodes() -> None:
    began = time.monotonic()
    assert not matches("(a*)*b", "a" * 5000)
    assert time.monotonic() - began < 1


def test_targets_are_read() -> None:
    assert Target.parse("http://server:8080/x") == Target("http://server:8080/x", "http", "server", 8080, "/x")
    assert Target.parse("http://server").port == 80
    assert Target.parse("https://server").port == 443
    assert Target.parse("http://[::1]:8080/").host == "::1"
    assert Target.parse("tcp://server:5432").path == "/"
    assert Target.parse("redis://server").port == 6379
    assert Target.parse("postgresql://server/lab").port == 5432


@pytest.mark.parametrize(
    ("written", "stays"),
    [("http://localhost/", True), ("tcp://127.1.2.3:1", True), ("https://[::1]/", True), ("http://server/", False)],
)
def test_a_target_tells_whether_the_way_to_it_leaves_the_host(written: str, *, stays: bool) -> None:
    assert Target.parse(written).on_loopback is stays


@pytest.mark.parametrize(
    "written",
    [
        "server:8080",
        "ftp://server/",
        "postgres://server/lab",
        "redis://lab@server/",
        "redis://:secret@server/",
        "tcp://server",
        "http://",
        "http://:80",
        "http://a:99999/",
        "http://[::",
        "",
    ],
)
def test_what_is_no_target_is_refused(written: str) -> None:
    with pytest.raises(pydantic.ValidationError):
        TARGET.validate_python(written)


@given(st.text())
def test_any_text_is_a_target_or_a_mistake(written: str) -> None:
    """Nothing but a ValueError comes out of a target, whatever is written."""
    try:
        parsed = Target.parse(written)
    except ValueError:
        return
    assert parsed.host
    assert 0 < parsed.port < 65536


def test_a_host_is_judged_where_the_stack_is_known() -> None:
    assert HOST.validate_python("server") == "server"
    with pytest.raises(pydantic.ValidationError, match="Did you mean 'server'"):
        HOST.validate_python("sever", context={HOSTS: {"server": None, "client": None}})


def test_a_string_is_a_line_for_the_shell_and_a_list_the_arguments_themselves() -> None:
    assert argv("ss -ltn | wc -l") == ["sh", "-c", "ss -ltn | wc -l"]
    assert argv(["echo", "a b"]) == ["echo", "a b"]
    assert typed(["echo", "a b"]) == "echo 'a b'"
    assert typed("ss -ltn") == "ss -ltn"


def test_what_people_write_is_frozen_and_closed() -> None:
    class Example(Written):
        """One field."""

        wait: Duration = 1.0

    example = Example.model_validate({"wait": "2s"})
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        setattr(example, "wait", 3.0)  # noqa: B010 - a type checker would refuse the plain form
    with pytest.raises(pydantic.ValidationError, match="extra"):
        Example.model_validate({"wiat": "2s"})
    assert example.model_dump() == {"wait": "2s"}
