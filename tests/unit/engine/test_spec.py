"""What is asked of an engine, by what it can do."""

from __future__ import annotations

from labctl.engine.spec import set_apart


def test_the_sysctls_of_an_interface_are_set_apart_for_engines_that_want_it() -> None:
    sysctls = {
        "net.core.somaxconn": "16",
        "net.ipv4.neigh.eth0.retrans_time_ms": "200",
        "net.ipv4.conf.all.send_redirects": "0",
        "net.ipv4.conf.eth0.send_redirects": "0",
    }
    own, of_interface = set_apart(sysctls)
    assert own == {"net.core.somaxconn": "16", "net.ipv4.conf.all.send_redirects": "0"}
    assert of_interface == "net.ipv4.neigh.IFNAME.retrans_time_ms=200,net.ipv4.conf.IFNAME.send_redirects=0"
    assert set_apart({}) == ({}, "")
