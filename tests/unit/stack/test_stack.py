"""Stacks: the declared subset of Compose, its merge rules, and what is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from labctl.errors import Mistakes, UnknownName
from labctl.language import documents
from labctl.language.documents import Document
from labctl.stack.compose import REFUSED
from labctl.stack.find import find_stack
from labctl.stack.load import parse_stack
from labctl.stack.merge import merge
from labctl.stack.model import Stack
from labctl.system.places import installed

ON_DISK = sorted(installed("compose").glob("*.yaml"))
NOTHING = Document("scenario.yaml", {})


def parsed(folder: Path, text: str, override: Any = None) -> Stack:
    file = folder / "stack.yaml"
    file.write_text(text)
    YAML(typ="safe", pure=True).dump({"override": override}, folder / "scenario.yaml")
    scenario = documents.read(folder / "scenario.yaml", "scenario.yaml")
    return parse_stack(documents.read(file, "stack.yaml"), override, scenario)


def mistakes(folder: Path, text: str, override: Any = None) -> list[str]:
    with pytest.raises(Mistakes) as caught:
        parsed(folder, text, override)
    return str(caught.value).splitlines()


@pytest.mark.parametrize("file", ON_DISK, ids=lambda file: file.stem)
def test_every_stack_on_disk_parses(file: Path) -> None:
    read = parse_stack(documents.read(file), None, NOTHING)
    assert read.name == file.stem
    assert sorted(name for group in read.hosts_in_order() for name in group) == sorted(read.services)


WHOLE = """
services:
  web:
    image: nginx:1
    command: [nginx, -g, daemon off;]
    entrypoint: /start
    environment: [HOST=0.0.0.0, PORT=8080]
    user: "1000"
    depends_on: {database: {condition: service_healthy}}
    tmpfs: [/run]
    sysctls: {net.core.somaxconn: 128}
    ulimits: {nofile: 64}
    mem_limit: 64m
    extra_hosts: {old: 192.0.2.1}
  database:
    image: redis
    networks: [default]
    healthcheck: {test: redis-cli ping, interval: 1s, timeout: 1s, retries: 3}
networks:
  default:
"""


def test_the_subset_is_read(tmp_path: Path) -> None:
    read = parsed(tmp_path, WHOLE)
    web = read.services["web"]
    assert web.environment == {"HOST": "0.0.0.0", "PORT": "8080"}
    assert web.sysctls == {"net.core.somaxconn": "128"}
    assert web.mem_limit == 64 << 20
    assert (web.ulimits["nofile"].soft, web.ulimits["nofile"].hard) == (64, 64)
    assert read.hosts_in_order() == [["database"], ["web"]]


@pytest.mark.parametrize("key", sorted(REFUSED))
def test_a_key_that_would_open_the_lab_is_refused_by_name_with_the_reason(tmp_path: Path, key: str) -> None:
    told = mistakes(tmp_path, f"services:\n  web:\n    image: x\n    {key}: yes\n")
    assert told == [f"stack.yaml:4:5: {key!r} is refused in a stack. {REFUSED[key]}"]


@pytest.mark.parametrize("key", sorted(REFUSED))
def test_an_override_opens_nothing_either(tmp_path: Path, key: str) -> None:
    [told] = mistakes(tmp_path, "services:\n  web: {image: x}\n", {"services": {"web": {key: True}}})
    assert told == f"scenario.yaml:3:11: {key!r} is refused in a stack. {REFUSED[key]}"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("imagge: x", "stack.yaml:3:5: unknown key 'imagge'. Did you mean 'image'?"),
        ("image: x\n    sysctls: {kernel.panic: 1}", "the sysctl kernel.panic may not be set here"),
        ("image: x\n    mem_limit: much", "is not a size"),
        ("image: x\n    mem_limit: 1k", "is outside of 8m to 4g"),
        ("image: x\n    depends_on: [nobody]", "stack.yaml:4:17: there is no service called 'nobody' in this stack."),
        ("image: x\n    networks: [elsewhere]", "stack.yaml:4:15: there is no network called 'elsewhere'"),
        ("image: x\n    networks: [default, default2]", "a host is on one network at a time."),
        ("image: x\n    volumes: ['/:/host']", "only named volumes may be mounted"),
    ],
)
def test_a_mistake_in_a_stack_is_told_at_its_place(tmp_path: Path, line: str, told: str) -> None:
    assert any(told in one for one in mistakes(tmp_path, f"services:\n  web:\n    {line}\n"))


def test_networks_are_internal(tmp_path: Path) -> None:
    [told] = mistakes(tmp_path, "services: {a: {image: x}}\nnetworks: {default: {internal: false}}\n")
    assert told.startswith("stack.yaml:2:32: ")


def test_services_that_wait_for_each_other_in_a_circle_are_refused(tmp_path: Path) -> None:
    text = "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [c]}\n  c: {image: x, depends_on: [a]}\n"
    assert mistakes(tmp_path, text) == ["stack.yaml:2:3: services wait for each other in a circle."]


def test_a_service_waits_for_those_it_depends_on_and_for_no_other(tmp_path: Path) -> None:
    text = "services:\n  a: {image: x}\n  b: {image: x, depends_on: [a]}\n  c: {image: x}\n  d: {image: x, depends_on: [b, c]}\n"
    order = parsed(tmp_path, text).hosts_in_order()
    assert order == [["a", "c"], ["b"], ["d"]]


def test_what_an_override_breaks_is_told_as_such(tmp_path: Path) -> None:
    [told] = mistakes(tmp_path, "services:\n  web: {image: x}\n", {"services": {"web": {"usr": "1"}}})
    assert told == "scenario.yaml:3:11: unknown key 'usr'. Did you mean 'user'?"


@pytest.mark.parametrize(
    ("override", "told"),
    [
        (
            {"services": {"wbe": {"environment": {"A": "b"}}}},
            "there is no host called 'wbe' to be changed. Did you mean 'web'?",
        ),
        (
            {"services": {"web": {"sysctls": {"net.ipv4.tcp_syn_retrys": "1"}}}},
            "did you mean net.ipv4.tcp_syn_retries?",
        ),
        ({"services": {"web": {"sysctls": {"net.ipv4.tcp_syn_retries": "lots"}}}}, "takes a number, not 'lots'"),
        ({"services": {"web": {"image": "labctl-flaks"}}}, "Did you mean 'labctl-flask'?"),
        ({"services": {"web": {"image": "a b"}}}, "is not the name of an image"),
        (
            {"services": {"web": {"x-labctl": {"tools": "labctl-tools"}}}},
            "there is no image with labctl's agent called 'labctl-tools'",
        ),
        ({"services": {"web": {"ulimits": {"nofile": -5}}}}, "should be greater than or equal to 0"),
        ({"services": {"web": {"environment": {"A B": "1"}}}}, "is not the name of an environment variable"),
        ({"services": {"web": {"extra_hosts": ["a:nowhere"]}}}, "is not an address"),
        (
            {"services": {"web": {"x-labctl": {"routes": {"wbe": "web"}}}}},
            "there is no host called 'wbe' in this stack. Did you mean 'web'?",
        ),
    ],
)
def test_what_is_wrong_in_an_override_is_told_in_the_scenario(tmp_path: Path, override: Any, told: str) -> None:
    said = mistakes(tmp_path, "services:\n  web: {image: x}\n", override)
    assert any(one.startswith("scenario.yaml:") and told in one for one in said), said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{a: {image: x, x-labctl: {routes: {b: a}}}, b: {image: x}}", "the route from 'a' to 'b' leads nowhere"),
        ("{a: {image: x, x-labctl: {routes: {b: b}}}, b: {image: x}}", "the route from 'a' to 'b' leads nowhere"),
        ("{a: {image: x, x-labctl: {routes: {a: b}}}, b: {image: x}}", "the route from 'a' to 'a' leads nowhere"),
        ("{a: {image: x, x-labctl: {routes: {b: c}}}, b: {image: x}, c: {image: x, x-labctl: {routes: {b: a}}}}", "the route from 'a' to 'b' leads nowhere"),
        ("{a: {image: x, networks: {default: {aliases: [b]}}}, b: {image: x}}", "'b' is the name of a host already"),
        ("{a: {image: x, networks: {default: {aliases: [z]}}}, b: {image: x, networks: {default: {aliases: [z]}}}}", "'z' is an alias of 'a' already"),
        ("{" + ", ".join(f"h{number}: {{image: x}}" for number in range(13)) + "}", "there are 13 hosts"),
        ("{a: {image: x, depends_on: [b]}}", "there is no service called 'b'"),
    ],
)  # fmt: skip
def test_what_no_service_can_see_alone_is_told(tmp_path: Path, text: str, told: str) -> None:
    said = mistakes(tmp_path, f"services: {text}\n")
    assert all(told in one or "leads nowhere" in one for one in said), said
    assert told in said[0]


def test_forms_that_compose_takes_are_taken(tmp_path: Path) -> None:
    web = parsed(
        tmp_path, "services: {web: {image: x, tmpfs: /run, extra_hosts: ['a:198.19.0.9', 'b=198.19.0.8']}}\n"
    ).services["web"]
    assert web.tmpfs == ("/run",)
    assert web.extra_hosts == {"a": ("198.19.0.9",), "b": ("198.19.0.8",)}


def test_an_override_is_merged_by_the_rules_of_compose(tmp_path: Path) -> None:
    changes = {"environment": {"PORT": 9090}, "command": ["other"], "tmpfs": ["/tmp"], "mem_limit": "128m"}  # noqa: S108
    web = parsed(tmp_path, WHOLE, {"services": {"web": changes}}).services["web"]
    assert web.environment == {"HOST": "0.0.0.0", "PORT": "9090"}
    assert web.command == ["other"]
    assert web.tmpfs == ("/run", "/tmp")  # noqa: S108
    assert web.mem_limit == 128 << 20
    assert web.user == "1000"


def test_what_the_short_form_of_compose_hides_is_kept(tmp_path: Path) -> None:
    """Neither a second place of a volume nor a second address of a name is lost, in one file or in two."""
    text = "services:\n  web: {image: x, volumes: ['d:/a', 'd:/b'], configs: [c, {source: c, target: /d}], extra_hosts: ['a:192.0.2.1', 'a:192.0.2.2']}\nvolumes: {d: }\nconfigs: {c: {content: x}}\n"
    web = parsed(tmp_path, text, {"services": {"web": {"volumes": ["d:/b/", "d:/e"]}}}).services["web"]
    assert web.volumes == {"/a": "d", "/b": "d", "/e": "d"}
    assert web.configs == {"/c": "c", "/d": "c"}
    assert web.extra_hosts == {"a": ("192.0.2.1", "192.0.2.2")}


@pytest.mark.parametrize("line", ["volumes: {d: /a}", "configs: {c: /a}", "configs: [{source: c, target: [a]}]", "configs: 5", "volumes: [{type: volume, source: d, target: /a, read_only: true}]", "environment: [A]", "environment: {A: }"])  # fmt: skip
def test_what_compose_would_read_otherwise_or_not_at_all_is_refused(tmp_path: Path, line: str) -> None:
    assert mistakes(tmp_path, f"services:\n  web:\n    image: x\n    {line}\n")[0].startswith("stack.yaml:4:")


def test_a_service_or_a_config_named_as_a_key_is_merged_as_any_other(tmp_path: Path) -> None:
    text = "services:\n  command: {image: x, user: '1'}\nconfigs: {test: {content: a}}\n"
    read = parsed(
        tmp_path, text, {"services": {"command": {"mem_limit": "64m"}}, "configs": {"environment": {"content": "b"}}}
    )
    assert (read.services["command"].image, read.services["command"].user, read.services["command"].mem_limit) == (
        "x",
        "1",
        64 << 20,
    )
    assert read.configs.keys() == {"test", "environment"}


def test_an_unknown_stack_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownName) as caught:
        find_stack("piar", tmp_path)
    assert "pair" in caught.value.near


def test_a_stack_of_the_scenario_s_own_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("services: {a: {image: x}}\n")
    assert find_stack("./mine.yaml", tmp_path) == tmp_path / "mine.yaml"
    with pytest.raises(UnknownName, match=r"Did you mean \./mine\.yaml\?"):
        find_stack("./mien.yaml", tmp_path)


NAMES = st.sampled_from("abc")
SERVICES = st.dictionaries(
    NAMES,
    st.fixed_dictionaries(
        {},
        optional={
            "environment": st.dictionaries(NAMES, NAMES) | st.lists(NAMES.map(lambda name: f"{name}=1"), unique=True),
            "command": st.lists(NAMES),
            "tmpfs": st.lists(NAMES, unique=True),
            "image": NAMES,
        },
    ),
)
COMPOSED = st.fixed_dictionaries({}, optional={"services": SERVICES})


def normal(document: Any) -> Any:
    """Write every environment as a mapping, and a folder once, as a stack does when it is read."""
    services = document.get("services", {}).items()
    mappings = {
        name: dict(item.split("=") for item in service["environment"])
        for name, service in services
        if isinstance(service.get("environment"), list)
    }
    return {
        "services": {
            name: {
                **service,
                **({"environment": mappings[name]} if name in mappings else {}),
                **({"tmpfs": [*dict.fromkeys(service["tmpfs"])]} if "tmpfs" in service else {}),
            }
            for name, service in services
        }
    }


@given(COMPOSED, COMPOSED, COMPOSED)
def test_merging_three_files_does_not_depend_on_which_two_are_merged_first(a: Any, b: Any, c: Any) -> None:
    assert normal(merge(merge(a, b), c)) == normal(merge(a, merge(b, c)))


@given(COMPOSED)
def test_merging_a_file_onto_itself_or_onto_nothing_changes_nothing(a: Any) -> None:
    assert normal(merge(a, a)) == normal(merge({}, a)) == normal(merge(a, {})) == normal(a)


@given(COMPOSED, COMPOSED)
def test_the_later_file_wins_and_nothing_else_is_lost(below: Any, above: Any) -> None:
    merged = merge(below, above).get("services", {})
    later, earlier = above.get("services", {}), below.get("services", {})
    assert merged.keys() == later.keys() | earlier.keys()
    for name, service in merged.items():
        for key in ("command", "image"):
            first, second = earlier.get(name, {}), later.get(name, {})
            assert service.get(key) == second.get(key, first.get(key))
