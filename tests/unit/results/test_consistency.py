"""A bundle that somebody has changed with care: manifest, result, fingerprint and captures must tell one story."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.kernel.pcap import FILE, RECORD, header
from labctl.model import Evidence, Finding, Phase, Verdict
from labctl.results.bundle import MANIFEST, make, verify
from labctl.results.consistency import MOST_CAPTURED, contradictions
from labctl.results.fingerprint import fingerprint
from support.bundles import NAMES, PCAPS, RAN, captured, evident, folder, named, packed, rewritten, unpacked, with_sums
from support.handmade import REFUSED, phase, result


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sound bundle."""
    place = tmp_path_factory.mktemp("made")
    make(folder(place), place / "x.tar.gz")
    return place / "x.tar.gz"


@pytest.mark.parametrize(
    ("manifest", "wrong"),
    [
        (b"", "is not a manifest: invalid JSON"),
        (b"[]", "is not a manifest: input should be an object"),
        (b"{}", "is not a manifest: format: field required"),
        (b"\xff", "is not a manifest: invalid JSON"),
        (b"[" * 99_999, "is not a manifest: invalid JSON"),
        (b" " * (1 << 21), "is larger than 1 MiB"),
    ],
    ids=["empty", "list", "object", "no text", "deep", "large"],
)
def test_a_manifest_that_is_none_is_found(made: Path, tmp_path: Path, manifest: bytes, wrong: str) -> None:
    members = unpacked(made)
    verified = verify(packed({**members, f"{RAN.run}/{MANIFEST}": manifest}, tmp_path / "x"))
    assert verified.manifest is None
    [problem] = verified.problems
    assert problem.startswith(f"{MANIFEST}: {wrong}")


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("run", "another"),
        ("scenario", "another"),
        ("verdict", "failed"),
        ("fingerprint", "sha256:0"),
        ("made_from", "/elsewhere"),
        ("missing", ["stack.json"]),
    ],
)
def test_a_manifest_that_says_something_else_than_the_result_is_found(
    made: Path, tmp_path: Path, said: str, value: Any
) -> None:
    verified = verify(packed(with_sums(unpacked(made), **{said: value}), tmp_path / "x"))
    assert named(verified) == {MANIFEST}
    assert f"says that {said} is " in verified.problems[0]


def test_another_format_is_told_from_damage(made: Path, tmp_path: Path) -> None:
    verified = verify(packed(with_sums(unpacked(made), format=2), tmp_path / "x"))
    [problem] = verified.problems
    assert problem.startswith(f"{MANIFEST}: is of format 2, and labctl ")


def test_a_capture_that_was_removed_without_a_trace_is_missed(made: Path, tmp_path: Path) -> None:
    members = unpacked(made)
    del members[f"{RAN.run}/client.pcap"], members[f"{RAN.run}/server.pcap"]
    first, second = verify(packed(with_sums(members), tmp_path / "x")).problems
    assert first == "result.json: reports connections, but there are no captures"
    assert second.startswith(f"{MANIFEST}: says that missing is ()")


def test_a_pass_that_did_not_hold_is_told(made: Path, tmp_path: Path) -> None:
    """A failed run whose verdict, fingerprint and sums somebody has changed still tells what it saw."""
    [healthy, faulted] = RAN.phases
    wrong = Finding("curl", "refused", held=False, seen="got ok")
    seen = replace(faulted.observations[-1], findings=(wrong,))
    forged = replace(RAN, phases=(healthy, replace(faulted, observations=(seen,))), fingerprint="")
    [problem] = rewritten(made, tmp_path / "x", replace(forged, fingerprint=fingerprint(forged))).problems
    expected = "passed, although in the faulted phase curl got ok, expected refused"
    assert problem == f"result.json: {expected}"


@pytest.mark.parametrize("phases", [RAN.phases[:1], RAN.phases[::-1], (*RAN.phases, *RAN.phases), ()])
def test_a_pass_without_its_phases_in_their_order_is_told(made: Path, tmp_path: Path, phases: Any) -> None:
    forged = replace(RAN, phases=phases, reason="because", fingerprint="")
    problems = rewritten(made, tmp_path / "x", replace(forged, fingerprint=fingerprint(forged))).problems
    assert any(problem.startswith("result.json: passed, ") for problem in problems)


def test_a_folder_called_otherwise_than_its_run_is_found(made: Path, tmp_path: Path) -> None:
    members = {name.replace(RAN.run, "another"): content for name, content in unpacked(made).items()}
    [problem] = verify(packed(members, tmp_path / "x")).problems
    assert problem == f"{MANIFEST}: says that the run is {RAN.run}, and lies in the folder another"


def test_a_verdict_that_was_changed_with_all_sums_contradicts_the_fingerprint(made: Path, tmp_path: Path) -> None:
    verified = rewritten(made, tmp_path / "x", replace(RAN, verdict=Verdict.FAILED))
    [problem] = verified.problems
    assert problem.startswith(
        f"result.json: its fingerprint is {RAN.fingerprint}, and that of what it tells is sha256:"
    )


def test_what_a_client_saw_cannot_be_changed_either(made: Path, tmp_path: Path) -> None:
    milder = phase(Phase.FAULTED, replace(REFUSED, errno="ETIMEDOUT"))
    assert named(rewritten(made, tmp_path / "x", replace(RAN, phases=(RAN.phases[0], milder)))) == {
        "result.json",
        "counters.json",
    }


def test_a_result_without_its_fingerprint_is_no_evidence(made: Path, tmp_path: Path) -> None:
    [problem] = rewritten(made, tmp_path / "x", replace(RAN, fingerprint="")).problems
    assert problem.startswith("result.json: has no fingerprint")


def test_a_result_that_no_run_could_have_is_a_problem_and_no_accident(made: Path, tmp_path: Path) -> None:
    twice = replace(RAN, phases=(phase(Phase.FAULTED, REFUSED, REFUSED),))
    assert "result.json" in named(rewritten(made, tmp_path / "x", twice))
    nameless = replace(RAN, names={**NAMES, "address.x": "no address"})
    nameless = replace(nameless, fingerprint=fingerprint(nameless))
    problems = rewritten(made, tmp_path / "x", nameless, missing=["x.pcap"]).problems
    assert problems == (
        "result.json: names something that is not an address: 'no address' does not appear to be an IPv4 or IPv6 address",
    )


def test_a_result_that_was_changed_with_sums_and_fingerprint_contradicts_the_captures(
    made: Path, tmp_path: Path
) -> None:
    """Whoever knows how to compute a fingerprint still has to invent packets."""
    [one, *others] = captured(2.0)
    answered = replace(
        one,
        packets=tuple(replace(packet, kind="SYN-ACK") if packet.kind == "RST" else packet for packet in one.packets),
    )
    [problem] = rewritten(made, tmp_path / "x", evident(RAN, answered, *others)).problems
    assert problem == (
        "result.json: tells that faulted had SYN by client, SYN-ACK by server, on client:40002 to server:8080; "
        "client.pcap tells it otherwise"
    )


def test_what_the_captures_show_is_no_contradiction() -> None:
    assert contradictions(evident(RAN, *captured(0)), PCAPS) == []
    assert contradictions(evident(RAN, *captured(1.5)), PCAPS) == []
    assert contradictions(evident(RAN), PCAPS) == []
    assert contradictions(RAN, {}) == []
    assert contradictions(result(), PCAPS) == []


def test_a_connection_of_which_only_a_part_was_seen_in_time_is_no_contradiction() -> None:
    [one, *_] = captured(0)
    for part in (one.packets[:1], one.packets[1:]):
        assert contradictions(evident(RAN, replace(one, packets=part)), PCAPS) == []


def test_requests_for_an_address_may_count_to_another_connection() -> None:
    [one, *_] = captured(0)
    asked = replace(one.packets[0], kind="ARP request")
    assert contradictions(evident(RAN, replace(one, packets=(asked, asked, *one.packets))), PCAPS) == []


@pytest.mark.parametrize(
    ("change", "there"),
    [
        ({"client_port": 40009}, "knows of no such connection"),
        ({"port": 80}, "knows of no such connection"),
        ({"server": "nobody"}, "knows of no such connection"),
        ({"packets": ()}, "tells it otherwise"),
    ],
)
def test_a_connection_that_was_never_captured_is_a_contradiction(change: dict[str, Any], there: str) -> None:
    [one, *_] = captured(0)
    [problem] = contradictions(evident(RAN, replace(one, **change)), PCAPS)
    assert problem.startswith("result.json: tells that faulted had")
    assert problem.endswith(f"client.pcap {there}")


def test_the_order_and_the_senders_of_packets_count() -> None:
    [one, *_] = captured(0)
    backwards = replace(one, packets=one.packets[::-1])
    other = replace(one, packets=tuple(replace(packet, by="client") for packet in one.packets))
    for wrong in (backwards, other):
        assert len(contradictions(evident(RAN, wrong), PCAPS)) == 1


def test_a_packet_that_its_receiver_did_not_capture_did_not_come_so_far() -> None:
    """As where one host's capture is that of another run; of a host whose capture is missing nothing can be told."""
    ran = evident(RAN, *captured(0))
    for host, packet in (("client", "RST by server"), ("server", "SYN by client")):
        told = contradictions(ran, {**PCAPS, host: header()})
        assert len(told) == 3
        assert all(one.endswith(f"; {host}.pcap does not show the {packet}") for one in told)
        assert contradictions(ran, {name: pcap for name, pcap in PCAPS.items() if name != host}) == []


def test_a_packet_that_came_further_once_nobody_looked_any_more_is_no_contradiction() -> None:
    [one, *_] = captured(0)
    under_way = replace(one, packets=tuple(replace(packet, reached=packet.by) for packet in one.packets))
    assert contradictions(evident(RAN, under_way), PCAPS) == []
    past_a_router = replace(one, packets=tuple(replace(packet, reached="router") for packet in one.packets))
    assert contradictions(evident(RAN, past_a_router), PCAPS) == []


def changed(made: Path, to: Path, name: str, old: bytes, new: bytes) -> tuple[str, ...]:
    """Return what is found where one file was changed, and all sums."""
    members = unpacked(made)
    assert old in members[f"{RAN.run}/{name}"]
    members[f"{RAN.run}/{name}"] = members[f"{RAN.run}/{name}"].replace(old, new)
    return verify(packed(with_sums(members), to)).problems


def test_a_journal_that_ends_otherwise_is_told(made: Path, tmp_path: Path) -> None:
    told = ("journal.jsonl: ends with failed, and result.json with passed",)
    assert changed(made, tmp_path / "x", "journal.jsonl", b"verdict: passed", b"verdict: failed") == told
    for old, new in ((b"verdict: passed", b"verdict: no word"), (b'"kind": "note"', b'"kind": "docker"')):
        told = ("journal.jsonl: reports no verdict",)
        assert changed(made, tmp_path / "x", "journal.jsonl", old, new) == told


def test_a_log_that_is_not_what_the_result_has_of_it_is_told(made: Path, tmp_path: Path) -> None:
    told = ("logs/server-1.log: is not what result.json has of it",)
    assert changed(made, tmp_path / "x", "logs/server-1.log", b"listening", b"sleeping!") == told
    members = unpacked(made)
    members[f"{RAN.run}/logs/server-2.log"] = b""
    told = ("logs/server-2.log: belongs to no container in result.json",)
    assert verify(packed(with_sums(members), tmp_path / "x")).problems == told


def test_counters_that_are_not_those_of_the_result_are_told(made: Path, tmp_path: Path) -> None:
    for doctored in (b'{"faulted": {"server": {"TcpOutRsts": 9}}}', b"{}}", b"[" * 100_000):
        members = unpacked(made)
        members[f"{RAN.run}/counters.json"] = doctored
        told = ("counters.json: is not what result.json has of the counters",)
        assert verify(packed(with_sums(members), tmp_path / "x")).problems == told


@pytest.mark.parametrize("services", [{"server": 1}, {"server": "text"}, {"server": [1]}, {"server": [{}]}])
def test_services_of_another_shape_are_a_mistake_in_the_result(made: Path, tmp_path: Path, services: Any) -> None:
    changed = rewritten(made, tmp_path / "x", replace(RAN, services=services))
    assert any("services.server" in problem for problem in changed.problems), changed.problems


def test_only_the_last_observation_of_a_phase_has_to_be_in_the_captures() -> None:
    [one, *_] = captured(0)
    [last] = evident(RAN, one).phases[-1].observations
    earlier = replace(last, evidence=Evidence(connections=(replace(one, client_port=1),)))
    ran = replace(RAN, phases=(replace(RAN.phases[-1], observations=(earlier, last)),))
    assert contradictions(ran, PCAPS) == []


def test_a_run_has_one_client() -> None:
    [one, two, _] = captured(0)
    assert contradictions(evident(RAN, one, replace(two, client="server")), PCAPS) == [
        "result.json: tells of connections of client and server, but a run has one client"
    ]


def test_a_capture_that_is_none_is_named() -> None:
    assert contradictions(RAN, {**PCAPS, "server": b"nothing"}) == ["server.pcap: is not a capture of labctl"]
    assert contradictions(RAN, {**PCAPS, "server": FILE.pack(0xA1B2C3D4, 2, 4, 0, 0, 256, 1)}) == [
        "server.pcap: is not a capture of labctl"
    ]


def test_captures_beyond_what_labctl_captures_are_not_read() -> None:
    [problem] = contradictions(RAN, {**PCAPS, "x": bytes(MOST_CAPTURED)})
    assert problem.startswith("client.pcap: is with the other captures larger than")


@given(
    st.sampled_from(["result.json", MANIFEST, "client.pcap"]),
    st.one_of(st.binary(), st.binary().map(header().__add__)),
    st.integers(0, 1 << 16),
)
def test_any_content_of_a_file_is_a_problem_by_its_name(
    tmp_path_factory: pytest.TempPathFactory, made: Path, name: str, content: bytes, at: int
) -> None:
    members = unpacked(made)
    whole = members[f"{RAN.run}/{name}"]
    at %= len(whole)
    members[f"{RAN.run}/{name}"] = whole[:at] + content + whole[at + len(content) :]
    file = packed(members, tmp_path_factory.getbasetemp() / "any-content")
    changed = members[f"{RAN.run}/{name}"] != whole
    told = named(verify(file))
    assert (name in told) is changed or (changed and name == MANIFEST)


@given(st.binary(), st.lists(st.integers(0, 255), max_size=20))
def test_any_records_of_a_capture_are_read_without_an_accident(content: bytes, at: list[int]) -> None:
    pcap = bytearray(PCAPS["server"])
    for place in at:
        pcap[24 + place * 7 % (len(pcap) - 24)] ^= place
    framed = RECORD.pack(1, 1, len(content), len(content)) + content
    assert contradictions(RAN, {"client": PCAPS["client"], "server": bytes(pcap) + framed}) is not None
