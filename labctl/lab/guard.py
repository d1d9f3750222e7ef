"""What a host may send where the machine itself is on its network: nothing but to the lab, and answers to the machine.

Such a network is not internal, so nothing but these rules keeps a service from the machine and from what is beyond it.
They are in the host's own network namespace, where a service, which has no capability, cannot change them.
"""

from __future__ import annotations

from collections.abc import Iterable

TABLE = "inet labctl"  # a chain of a scenario's own rules is called after its hook (`actions.firewall`), ours is not


def rules(machine: str, hosts: Iterable[str]) -> str:
    """Return the ruleset, as nft(8) takes it, for the machine's address and those of the lab.

    It keeps no state, so that the kernel does nothing else than without it. Who was asked may answer: with anything
    but the packet that begins a connection (RFC 9293, 3.5), and with ICMP's errors.
    """
    chain = f"{TABLE} guard"
    return "\n".join(
        (
            f"add table {TABLE}",
            f"add chain {chain} {{ type filter hook output priority 0; policy drop; }}",
            f'add rule {chain} oifname "lo" accept',
            *(f"add rule {chain} ip daddr {host} accept" for host in sorted({*hosts} - {machine})),
            f"add rule {chain} ip daddr {machine} tcp flags & (syn | ack) != syn accept",
            f"add rule {chain} ip daddr {machine} icmp type {{ destination-unreachable, time-exceeded }} accept",
        )
    )
