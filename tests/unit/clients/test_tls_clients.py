"""What each client in Python raises where it shakes hands for TLS is judged rightly, against servers on loopback."""

from __future__ import annotations

import importlib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from labctl.clients import FOLDER, Target, file_of, in_folder
from labctl.clients.outcomes import Staged, judge
from support.loopback import WHOLE_ANSWER, Serve, answer, hang_up, raised, reset, serving, silent

SOON = 0.2  # seconds, for what must time out
LONG = 10.0  # seconds, for what must not

MODULES = {name: importlib.import_module(f"labctl.clients.{Path(file_of(name)).stem}") for name in in_folder(FOLDER)}
CLIENTS = {
    name: module.attempt for name, module in MODULES.items() if hasattr(module, "attempt") and "https" in module.SCHEMES
}
SITUATIONS: dict[str, tuple[Serve, str, str | None]] = {
    "the server speaks plain HTTP": (answer(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "tls-error", None),
    "the server says nothing": (silent, "timed-out", None),
    "the server hangs up": (hang_up, "closed", None),
    "the server resets": (reset, "reset", "ECONNRESET"),
}


def target(url: str) -> Target:
    return Target.parse(url.replace("http:", "https:").replace("127.0.0.1", "localhost"))


def judged(client: str, at: Target, timeout: float = LONG) -> dict[str, Any]:
    noted = Staged()
    return judge(raised(lambda: CLIENTS[client](at, timeout, noted)), noted.now)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_handshake_that_fails_is_told_as_such(client: str, situation: str) -> None:
    serve, outcome, number = SITUATIONS[situation]
    with serving(serve) as url:
        told = judged(client, target(url), SOON if outcome == "timed-out" else LONG)
    assert (told["outcome"], told["stage"], told["errno"]) == (outcome, "handshake", number), told["details"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a certificate for localhost that nobody's authority signed, and its key."""
    key, signed = tmp_path_factory.mktemp("tls") / "key.pem", tmp_path_factory.mktemp("tls") / "certificate.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-noenc",
        "-subj",
        "/CN=localhost",
    ]
    subprocess.run(
        [*command, "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", signed],
        check=True,
        capture_output=True,
    )
    signed.write_text(signed.read_text() + key.read_text())
    return signed


@contextmanager
def secured(certificate: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as speaking:
            answer(WHOLE_ANSWER)(speaking)

    with serving(_again(serve)) as url:
        yield url


def _again(serve: Serve) -> Serve:
    """Let a server outlive a client that hung up on it."""

    def served(connection: socket.socket) -> None:
        try:
            serve(connection)
        except OSError:
            return

    return served


@pytest.mark.parametrize("client", CLIENTS)
def test_a_certificate_of_an_unknown_authority_is_refused(client: str, certificate: Path) -> None:
    with secured(certificate) as url:
        told = judged(client, target(url))
    assert (told["outcome"], told["stage"], told["errno"]) == ("tls-error", "handshake", None), told["details"]
    assert "CERTIFICATE_VERIFY_FAILED" in told["says"]


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_that_does_not_verify_takes_any_certificate(client: str, certificate: Path) -> None:
    with secured(certificate) as url:
        CLIENTS[client](target(url)._replace(verify=False), LONG, Staged())


def test_of_several_addresses_the_last_one_s_errno_counts() -> None:
    """Asyncio has no errno then, only the words of each."""
    error = OSError(
        "Multiple exceptions: [Errno 101] Network is unreachable, [Errno 111] Connect call failed ('127.0.0.1', 1)"
    )
    told = judge(error, None)
    assert (told["outcome"], told["errno"]) == ("refused", "ECONNREFUSED")
