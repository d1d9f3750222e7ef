"""The lab's own names on 127.0.0.1:53, and NXDOMAIN for all others: no question leaves the lab (RFC 1035).

Docker's resolver would forward what it does not know to the machine's, also from an internal network.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Mapping

PORT = 53
A = 1
NO_ERROR, FORMAT_ERROR, SERVER_FAILURE, NAME_ERROR, REFUSED = 0, 1, 2, 3, 5
FAILS = {"servfail": SERVER_FAILURE, "refused": REFUSED}
AUTHORITATIVE_REPLY = 0x8400
RECURSION = 0x0180  # desired is copied, available is set
POINTER_TO_QUESTION = 0xC00C
SECONDS_TO_LIVE = 0  # a client that caches would hide a change of the table


class Resolver:
    """Answers from a table of names to IPv4 addresses; a new table takes effect at once."""

    def __init__(self) -> None:
        self._addresses: dict[str, bytes] = {}
        self._instead: dict[str, bytes | None] = {}
        self._answers = "normal"
        self._serving = False

    def know(self, names: Mapping[str, str]) -> None:
        """Take over the table."""
        self._addresses = {name.lower(): _packed(address) for name, address in names.items()}

    def misbehave(self, answers: str, says: Mapping[str, str | None]) -> None:
        """Answer otherwise from now on: `normal`, `nothing`, or one of FAILS; `says` is said instead of the table.

        A name without an address is one that there is not.
        """
        self._answers = answers
        self._instead = {name.lower(): None if to is None else _packed(to) for name, to in says.items()}

    def serve(self) -> None:
        """Answer on 127.0.0.1 from now on; raises OSError where port 53 cannot be had."""
        if self._serving:
            return
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", PORT))
        tcp = socket.create_server(("127.0.0.1", PORT))
        threading.Thread(target=self._serve_udp, args=(udp,), name="resolver", daemon=True).start()
        threading.Thread(target=self._serve_tcp, args=(tcp,), name="resolver-tcp", daemon=True).start()
        self._serving = True

    def _serve_udp(self, udp: socket.socket) -> None:
        while True:
            question, asker = udp.recvfrom(4096)
            reply = self.answer(question)
            if reply:
                try:
                    udp.sendto(reply, asker)
                except OSError:  # who asked may be gone
                    pass

    def _serve_tcp(self, tcp: socket.socket) -> None:
        while True:
            connection, _ = tcp.accept()
            try:
                with connection:
                    self._answer_on(connection)
            except (OSError, struct.error):  # who asked has gone, or asks nothing
                pass

    def _answer_on(self, connection: socket.socket) -> None:
        connection.settimeout(1)
        (length,) = struct.unpack("!H", connection.recv(2, socket.MSG_WAITALL))
        reply = self.answer(connection.recv(length, socket.MSG_WAITALL))
        connection.sendall(struct.pack("!H", len(reply)) + reply)

    def answer(self, question: bytes) -> bytes:
        """Return the reply to one message, or nothing where it is no question at all."""
        if len(question) < 12:  # noqa: PLR2004 - the header's length
            return b""
        number, flags = struct.unpack("!HH", question[:4])
        try:
            name, end = _name(question, 12)
            kind, _ = struct.unpack("!HH", question[end : end + 4])
        except (IndexError, struct.error, UnicodeDecodeError):
            return struct.pack("!HHHHHH", number, AUTHORITATIVE_REPLY | FORMAT_ERROR, 0, 0, 0, 0)
        if self._answers == "nothing":
            return b""
        address = self._instead[name] if name in self._instead else self._addresses.get(name)
        answers = b""
        if address is not None and kind == A:
            answers = struct.pack("!HHHIH", POINTER_TO_QUESTION, A, 1, SECONDS_TO_LIVE, 4) + address
        code = NAME_ERROR if address is None else NO_ERROR
        if self._answers in FAILS:
            answers, code = b"", FAILS[self._answers]
        reply_flags = AUTHORITATIVE_REPLY | (flags & 0x0100) | (RECURSION & 0x0080) | code
        header = struct.pack("!HHHHHH", number, reply_flags, 1, 1 if answers else 0, 0, 0)
        return header + question[12 : end + 4] + answers


def _packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET, address)


def _name(message: bytes, at: int) -> tuple[str, int]:
    """Read the labels that begin at `at`; return the name and where it ends. A question has no pointers."""
    labels = []
    while length := message[at]:
        labels.append(message[at + 1 : at + 1 + length].decode("ascii").lower())
        at += 1 + length
    return ".".join(labels), at + 1
