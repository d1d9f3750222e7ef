"""Every action does on a real host what it says, seen from outside of it, and its proof tells when it did not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from labctl import actions
from labctl.actions import Action, Proof, shell
from labctl.errors import AgentRefused, NotInPlace
from labctl.lab.lab import Lab
from labctl.language.placeholders import filled
from labctl.model import Exit, Outcome
from support import trying
from support.labs import Deploy

actions.discover()
Seen = Callable[[Lab], Any]
RULE = "INPUT -p tcp --dport 8080 -j DROP"
ASKED = "dig +tries=1 +timeout=1 server | sed -n 's/.*status: \\([A-Z]*\\).*/\\1/p'"
NFT = "inet guard input tcp dport 8080 reject with tcp reset"


def of(written: dict[str, Any], lab: Lab) -> Action:
    """Read one action as it stands in a scenario, with the lab's addresses."""
    key = actions.key_of(written)
    assert key is not None
    return actions.registry[key].model_validate(filled(written, lab.values))


def outcome(lab: Lab) -> Outcome:
    """Return what the client comes to now."""
    return trying.one(lab, "socket", f"http://{lab.values['address.server']}:8080/", 0.5).outcome


def output(host: str, line: str) -> Seen:
    return lambda lab: lab.tool(host, ["sh", "-c", line], 5).stdout.strip()


# an action, what is seen of it, and the action that undoes it
WORK: list[tuple[dict[str, Any], Seen, Any, dict[str, Any]]] = [
    ({"stop": "server"}, outcome, Outcome.REFUSED, {"start": "server", "until": {"listens": "0.0.0.0:8080"}}),
    ({"kill": "server"}, lambda lab: lab.pod("server").exit(), Exit(137), {"start": "server", "until": {"listens": "0.0.0.0:8080"}}),
    ({"recreate": "server", "environment": {"PORT": "80x"}, "until": {"exits": 1}}, lambda lab: "PORT='80x'" in lab.pod("server").log(), True, {"recreate": "server", "until": {"listens": "0.0.0.0:8080"}}),
    ({"pause": "server"}, outcome, Outcome.TIMED_OUT, {"unpause": "server"}),
    ({"iptables": "server", "rule": RULE}, outcome, Outcome.TIMED_OUT, {"iptables": "server", "delete": RULE}),
    ({"nft": "server", "rule": NFT}, outcome, Outcome.REFUSED, {"nft": "server", "delete": NFT}),
    ({"nft": "client", "rule": "ip guard output ip daddr ${address.server} drop"}, outcome, Outcome.TIMED_OUT, {"nft": "client", "delete": "ip guard output ip daddr ${address.server} drop"}),
    ({"route": "client", "add": "prohibit ${address.server}"}, outcome, Outcome.DENIED, {"route": "client", "delete": "prohibit ${address.server}"}),
    ({"route": "client", "add": "unreachable ${address.server}"}, outcome, Outcome.UNREACHABLE, {"route": "client", "delete": "unreachable ${address.server}"}),
    ({"route": "client", "replace": "${address.server} via ${unassigned.address}"}, outcome, Outcome.TIMED_OUT, {"route": "client", "delete": "${address.server} via ${unassigned.address}"}),
    ({"link": "server", "set": "mtu 1000"}, output("server", "cat /sys/class/net/eth0/mtu"), "1000", {"link": "server", "set": "mtu 1500"}),
    ({"power_off": "server"}, outcome, Outcome.TIMED_OUT, {"power_on": "server", "until": {"listens": "0.0.0.0:8080"}}),
    ({"resolver": "client", "answers": "servfail"}, output("client", ASKED), "SERVFAIL", {"resolver": "client"}),
    ({"resolver": "client", "answers": "refused"}, output("client", ASKED), "REFUSED", {"resolver": "client"}),
    ({"resolver": "client", "answers": "nothing"}, output("client", ASKED), "", {"resolver": "client"}),
    ({"resolver": "client", "says": {"server": None}}, output("client", ASKED), "NXDOMAIN", {"resolver": "client"}),
    ({"resolver": "client", "says": {"server": "${unassigned.address}"}}, output("client", "dig +short server"), "${unassigned.address}", {"resolver": "client"}),
    ({"disconnect": "server"}, output("client", ASKED), "NXDOMAIN", {"connect": "server"}),
    ({"disconnect": "server"}, output("server", "ls /sys/class/net"), "lo", {"connect": "server"}),
    ({"disconnect": "client"}, outcome, Outcome.UNREACHABLE, {"connect": "client"}),
    ({"link": "server", "set": "down"}, outcome, Outcome.TIMED_OUT, {"link": "server", "set": "up"}),
    ({"run": "iptables -I INPUT -j DROP", "host": "server", "with": "tools"}, outcome, Outcome.TIMED_OUT, {"reboot": "server", "until": {"listens": "0.0.0.0:8080"}}),
    ({"reboot": "server", "sysctls": {"net.ipv4.ip_local_port_range": "50000 50003"}, "until": {"listens": "0.0.0.0:8080"}}, output("server", "cat /proc/sys/net/ipv4/ip_local_port_range"), "50000\t50003", {"reboot": "server", "until": {"listens": "0.0.0.0:8080"}}),
    ({"run": "touch /home/lab/here", "host": "server"}, lambda lab: lab.execute("server", ["ls", "/home/lab"], 10).stdout.strip(), "here", {"restart": "server", "until": {"listens": "0.0.0.0:8080"}}),
]  # fmt: skip


@pytest.fixture(scope="module")
def standing(deploy: Deploy) -> Iterator[Lab]:
    with deploy() as lab:
        yield lab


@pytest.mark.parametrize(
    ("written", "seen", "expected", "undone"), WORK, ids=[f"{next(iter(one[0]))}-{at}" for at, one in enumerate(WORK)]
)
def test_an_action_does_what_it_says_and_can_be_undone(
    standing: Lab, written: dict[str, Any], seen: Seen, expected: Any, undone: dict[str, Any]
) -> None:
    assert outcome(standing) == Outcome.OK
    before = seen(standing)
    standing.apply(of(written, standing))
    assert seen(standing) == filled(expected, standing.values)
    assert seen(standing) != before
    standing.apply(of(undone, standing))
    assert outcome(standing) == Outcome.OK
    assert seen(standing) == before or expected in ("here", "lo")  # a file stays, an interface gets another name


def test_every_action_is_tried_here_or_by_the_scenarios() -> None:
    """What is neither done nor undone in the table above needs a client or time: scenarios show those."""
    tried = {actions.key_of(one) for row in WORK for one in (row[0], row[3])}
    ours = {key for key, kind in actions.registry.items() if kind.__module__.startswith("labctl.actions.")}
    assert ours - tried == {"client", "hold"}


@pytest.mark.parametrize("written", [row[0] for row in WORK], ids=lambda written: f"{next(iter(written))}")
def test_the_proof_of_an_action_fails_where_it_was_not_done(standing: Lab, written: dict[str, Any]) -> None:
    """But for what a service that runs already proves; an action that proves nothing is one of those that cannot."""
    proofs = of(written, standing).proofs()
    distinct = [proof for proof in proofs if not proof.claim.endswith(" runs")]
    assert [proof.claim for proof in distinct if holds(standing, proof)] == []
    assert bool(proofs) is not unproven(written)


def unproven(written: dict[str, Any]) -> bool:
    """Tell whether an action has no proof: a command's exit code is its own, and who is to end may have ended."""
    return "run" in written or "exits" in written.get("until", {})


def holds(lab: Lab, proof: Proof) -> bool:
    try:
        return lab.carry_out(proof.step) is not False
    except AgentRefused:
        return False


def test_an_action_that_did_not_take_hold_is_told(standing: Lab) -> None:
    class Nothing(Action):
        """Do nothing at all."""

        nothing: str = "server"
        kind = "nothing"

        def steps(self) -> list[Any]:
            return []

        def proofs(self) -> list[Proof]:
            return [Proof("there is a file", shell("server", "ls /no/such/file"))]

        def typed(self) -> str:
            return "nothing"

    with pytest.raises(NotInPlace, match=r"nothing: not in place, for “there is a file” does not hold") as caught:
        standing.apply(Nothing())
    assert "No such file" in caught.value.means


@pytest.mark.parametrize(
    ("gone", "back"),
    [
        ({"reboot": "client"}, None),
        ({"disconnect": "client"}, {"connect": "client"}),
        ({"power_off": "client"}, {"power_on": "client"}),
    ],
    ids=["reboot", "connect", "power_on"],
)
def test_the_stack_s_routes_and_names_and_the_clients_come_back(
    deploy: Deploy, gone: dict[str, Any], back: dict[str, Any] | None
) -> None:
    with deploy("firewall-router-drop") as lab:
        way = output("client", "ip route get $(getent ahostsv4 server | head -n 1 | cut -d ' ' -f 1)")
        by_the_router = f"{lab.values['address.server']} via {lab.values['address.router']} "
        assert way(lab).startswith(by_the_router)
        lab.apply(of(gone, lab))
        if back is not None:
            lab.apply(of(back, lab))
        assert way(lab).startswith(by_the_router)
        assert outcome(lab) == Outcome.OK
