"""What words and numbers tell, whoever printed them: an errno, a host and port, a time.

Wording beats the number, since the number is the machine's own: 61 is
macOS's for ECONNREFUSED, and Linux's for ENODATA.
"""

from __future__ import annotations

import errno as errnos
import os
import re
from dataclasses import dataclass

from labctl.clients.outcomes import OF_A_TRY
from labctl.model import Outcome, Stage

LAST_PORT = 65535
NAMES = {errnos.errorcode[number]: outcome for number, outcome in OF_A_TRY.items()}
WORDINGS = {
    **{os.strerror(number).lower(): errnos.errorcode[number] for number in OF_A_TRY},
    "operation timed out": "ETIMEDOUT",  # macOS and musl
    "host is unreachable": "EHOSTUNREACH",  # musl
    "can't assign requested address": "EADDRNOTAVAIL",  # macOS
    "address not available": "EADDRNOTAVAIL",  # musl
    "no file descriptors available": "EMFILE",  # musl
    "no connection could be made because the target machine actively refused it": "ECONNREFUSED",  # Windows, from here
    "connected party did not properly respond after a period of time": "ETIMEDOUT",
    "an existing connection was forcibly closed by the remote host": "ECONNRESET",
    "an established connection was aborted by the software": "ECONNABORTED",
    "attempted to an unreachable network": "ENETUNREACH",
    "attempted to an unreachable host": "EHOSTUNREACH",
}
WINDOWS = {  # WSAGetLastError, Windows Sockets error codes
    10013: "EACCES",
    10024: "EMFILE",
    10049: "EADDRNOTAVAIL",
    10051: "ENETUNREACH",
    10053: "ECONNABORTED",
    10054: "ECONNRESET",
    10055: "ENOBUFS",
    10060: "ETIMEDOUT",
    10061: "ECONNREFUSED",
    10065: "EHOSTUNREACH",
}
OTHERS_TOO = {"ENOENT", "EACCES", "EINVAL", "EPERM", "EPIPE", "EMFILE", "ENFILE", "ENOBUFS", "EADDRNOTAVAIL"}
"""What files, pipes and listeners give as well: no failed connection by itself."""
NO_NAME = (
    "name or service not known",
    "temporary failure in name resolution",
    "nodename nor servname provided",
    "no address associated with",
    "name does not resolve",
    "no such host is known",
    "getaddrinfo failed",
    "could not resolve host",
    "could not translate host name",
)
NUMBER = re.compile(r"(?i)(?:\[errno |\berrno[ =:]{1,3}|\(os error |\[winerror )(-?)(\d{1,5})\b")
NAME = re.compile(rf"\b(?:WSA)?({'|'.join(NAMES)})\b")
WORDED = re.compile("|".join(map(re.escape, sorted(WORDINGS, key=len, reverse=True))))
OWN_TIMER = re.compile(r"(?:connection|operation) timed out after \d")  # a program's own, worded like the kernel's
TOOK = re.compile(r"(?i)\bafter (\d{1,9}(?:\.\d{1,9})?) ?(ms|milliseconds|s|sec|seconds)\b")
HOST = r"(?:\[[0-9A-Fa-f:.%\w]{2,64}\]|[A-Za-z0-9_](?:[\w.-]{0,252}\w)?|[0-9A-Fa-f:]{2,45})"
ENDPOINTS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\bunix(?:://| )(?P<host>/[\w./@%+-]{0,200}\w)(?P<port>)",
        r"\bhost='(?P<host>[^'\s]{1,255})', port=(?P<port>\d{1,5})",
        r"\('(?P<host>[^'\s]{1,255})', (?P<port>\d{1,5})(?:, \d{1,9}, \d{1,9})?\)",
        (
            rf"(?i)connect(?:ion|ing)? to (?:server at |host |address )?\"?(?P<host>{HOST})\"?"
            r"(?: \([^()\s]{1,64}\))?,? port (?P<port>\d{1,5})"
        ),
        rf"(?i)\b[a-z]{{2,12}}://(?:[^/@\s\"']{{1,200}}@)?(?P<host>{HOST})(?::(?P<port>\d{{1,5}}))?(?=[/\"'\s?]|$)",
        (
            rf"(?i)(?:connect\w{{0,3}} to|connecting|connect to host|dial tcp\d?|E[A-Z]{{5,12}}|peer|server|address|->)"
            rf"[ :=]{{1,2}}\"?(?P<host>{HOST}):(?P<port>\d{{1,5}})\b"
        ),
        rf"\((?!_ssl\.c:)(?P<host>{HOST}):(?P<port>\d{{1,5}})\)",
    )
)

NEEDED = ("unix", "host='", "('", " port ", "://", ":", "(")  # what each of them cannot be without


@dataclass(frozen=True, slots=True)
class Place:
    """The target, as far as a text tells it."""

    host: str | None = None
    port: int | None = None


def errno_in(text: str) -> str | None:
    """Return the errno that a text tells by its wording (strerror(3)), its name or, marked as one, its number.

    None too for a number that getaddrinfo(3) gives, which is less than 0, and for one that no connection gives.
    """
    low = text.lower()
    for found in WORDED.finditer(low):
        if not OWN_TIMER.match(low, found.start()):
            return WORDINGS[found[0]]
    if named := NAME.search(text):
        return named[1]
    if numbered := NUMBER.search(text):
        minus, digits = numbered.groups()
        return None if minus and "[" in numbered[0] else errno_of(int(digits))
    return None


def errno_of(number: int) -> str | None:
    """Return the name of an errno of Linux or Windows, None where no connection gives it."""
    name = WINDOWS.get(number) or errnos.errorcode.get(number)
    return name if name in NAMES else None


def outcome_of(errno: str | None) -> Outcome | None:
    """Return the outcome of an errno."""
    return None if errno is None else Outcome(NAMES[errno])


def stage_of(errno: str | None) -> Stage | None:
    """Return the stage that an errno alone tells: a TCP connection is refused by connect(2) only."""
    return Stage.CONNECT if errno == "ECONNREFUSED" else None


def no_name(text: str) -> bool:
    """Tell whether a text says, in the words of gai_strerror(3), that a name was not resolved."""
    low = text.lower()
    return any(words in low for words in NO_NAME)


def place_in(text: str) -> Place:
    """Return the first host and port that a text names as a target."""
    for needed, pattern in zip(NEEDED, ENDPOINTS, strict=True):
        if needed in text and (found := pattern.search(text)):
            return place(found["host"], found["port"])
    return Place()


def place(host: str | None, port: str | None) -> Place:
    """Return a host and port as they were written; a number that is no port is left out."""
    number = int(port) if port and port.isascii() and port.isdecimal() else 0
    return Place(host.strip("[]") if host else None, number if 0 < number <= LAST_PORT else None)


def seconds_in(text: str) -> float | None:
    """Return how long it took, in seconds, where a text says `after` what time."""
    found = TOOK.search(text)
    if found is None:
        return None
    return float(found[1]) / (1000 if found[2].lower().startswith("m") else 1)
