"""Clients that are kept to some addresses, in a process of their own: an audit hook stays for good."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import json, socket, sys
from labctl.clients._confined import confine
served = socket.create_server(("127.0.0.1", 0))
port = served.getsockname()[1]
tells = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ways = {
    "connect": lambda host: socket.create_connection((host, port), 1).close(),
    "connect_ex": lambda host: socket.socket().connect_ex((host, port)),
    "sendto": lambda host: tells.sendto(b"x", (host, port)),
    "getaddrinfo": lambda host: socket.getaddrinfo(host, port),
    "gethostbyname": lambda host: socket.gethostbyname(host),
    "unix": lambda host: socket.socket(socket.AF_UNIX).connect(host),
}
confine(["127.0.0.1"])
came = {}
for name, way in ways.items():
    for host in ("127.0.0.1", "127.0.0.2"):
        try:
            way(host)
            came[f"{name} {host}"] = "sent"
        except OSError as error:
            came[f"{name} {host}"] = type(error).__name__
print(json.dumps(came))
"""


def test_every_way_leads_to_the_addresses_that_are_named_and_to_no_other() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    came = json.loads(ran.stdout)
    there = {name.split()[0]: end for name, end in came.items() if name.endswith(" 127.0.0.1")}
    elsewhere = {name.split()[0]: end for name, end in came.items() if name.endswith(" 127.0.0.2")}
    assert {name for name, end in there.items() if end == "sent"} == there.keys() - {"unix"}
    assert set(elsewhere.values()) == {"PermissionError"}


SOCKETS = """
import socket, sys
from labctl.clients._confined import confine
confine([sys.argv[1]])
for path in sys.argv[2:]:
    try:
        socket.socket(socket.AF_UNIX).connect(path)
    except OSError as error:
        print(type(error).__name__)
"""


def test_a_folder_stands_for_the_sockets_in_it(tmp_path: Path) -> None:
    paths = [f"{tmp_path}/x", f"{tmp_path}-other/x", f"{tmp_path}", "/run/docker.sock"]
    command = [sys.executable, "-c", SOCKETS, str(tmp_path), *paths]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    inside, beside, itself, elsewhere = ran.stdout.split()
    assert (inside, beside, elsewhere) == ("FileNotFoundError", "PermissionError", "PermissionError")
    assert itself != "FileNotFoundError"
