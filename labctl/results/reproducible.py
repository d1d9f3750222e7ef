"""Text and times without what may vary from run to run: what is left is the same in every run of a scenario.

Nothing is guessed: what is not clearly an address, a time or the like stays as it is, and a change of wording shows.
Control characters are data here as everywhere, and stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote

ADDRESS, ID, PATH, PID, PORT, TIME = "<address>", "<id>", "<path>", "<pid>", "<port>", "<time>"
LINE, VERSION = "<line>", "<version>"
LABS = "198.19."  # what the addresses of all labs begin with, see labctl/lab/subnets.py
FIRST_LOCAL_PORT = 32768  # ip_local_port_range, Documentation/networking/ip-sysctl.rst
AT_ONCE, TIMED_OUT = 2 / 5, 9 / 10  # of a client's timeout

TimeClass = Literal["at once", "later", "timed out"]

_BEGINS, _ENDS = r"(?<!\w)(?<!\w\.)", r"(?!\w|\.\w)"  # a word of its own, so that nothing is cut out of a longer one
_IPV4 = r"\d{1,3}(?:\.\d{1,3}){3}"
_ROOTS = (  # hier(7), and where images keep what they run
    "app|bin|boot|code|dev|etc|home|lib|lib64|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var|work|workspace"
)
_SEGMENT = r"/[\w.+@%~-]*\w"
_UNIT = r"(?:milli|micro|nano)?seconds?|[mnuµ]?s|m?secs?|min(?:ute)?s?"

_PATHS = re.compile(
    rf"""
    (?P<url>\b[a-z][a-z0-9+.-]{{0,20}}://[^\s"']*  # a path that belongs to a URL stays
      | \burl[:=]?\s?["']?/[^\s"']*  # `with url: /x`, as urllib3 says
      | \b(?:DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT)\s/\S*)
    | (?P<file>\bFile\s)"/[^"\n]*"(?:,\sline\s\d+(?![\w/]))?  # a frame of a traceback: the line is part of the place
    | (?:(?<=[\s"'(=\[,`<])|^)
      (?:/(?:{_ROOTS})(?:{_SEGMENT})+ | (?:{_SEGMENT})*/[\w.+@%~-]+\.py)(?!\w)
    """,
    re.VERBOSE | re.ASCII,
)
_ADDRESSES = re.compile(rf"{_BEGINS}{_IPV4}{_ENDS}", re.ASCII)
_SOMEBODY = rf"(?:{_BEGINS}{_IPV4}|{ADDRESS}|\$\{{[\w.-]+\}})"
_PORTS = re.compile(rf"({_SOMEBODY}:|\((?P<quote>['\"]){_SOMEBODY}(?P=quote),\ )(\d{{5}}){_ENDS}", re.ASCII)
_IDS = re.compile(rf"(?:(?<=\bat )0x[0-9a-fA-F]+|{_BEGINS}0x[0-9a-fA-F]{{8,}}){_ENDS}", re.ASCII)
_TIMES = re.compile(rf"\b(after|in|took) \d+(?:\.\d+)?(?:e-?\d+)?( ?(?:{_UNIT})){_ENDS}", re.ASCII)
_PIDS = re.compile(
    rf"\b(pid[ =:]{{1,2}})\d+{_ENDS}|^([a-z_][\w.-]*\[)\d+(?=\]: )",  # the latter as syslog(3) has it: `sshd[123]: `
    re.ASCII | re.IGNORECASE | re.MULTILINE,
)
_CURLS_TIMER = re.compile(  # a millisecond decides which of its wordings curl takes: lib/connect.c, lib/multi.c
    rf"(?<=curl: \(28\) )(?:Failed to connect to \S+ port \d+ after {TIME} ms: Timeout was reached"
    rf"|Connection timed out after {TIME} milliseconds)"
)
_SSL_LINES = re.compile(r"(?<=\(_ssl\.c:)\d+(?=\))", re.ASCII)  # of Python's source, as it ends what OpenSSL said
_OPENSSL = re.compile(r"(?<=\bOpenSSL/)\d+\.\d+\.\d+[a-z]?(?=: error:)", re.ASCII)  # as curl begins it


def text(said: str, names: Mapping[str, str]) -> str:
    """Return what a client said, with everything that may vary from run to run replaced by a name for it.

    `names` maps placeholders to the lab's addresses (`Result.names`): an address of the lab becomes its placeholder,
    `${address.server}`, and so does its folder, `${folder}`; any other of the labs' range `<address>`. Elapsed times
    keep the words of their unit (`after <time> ms`); settings, such as `timeout=2.0`, stay. A port from 32768 on,
    beside an address, is a local one. Files' paths become `<path>`, with the line where a traceback names one; URLs'
    paths stay. Of curl's wordings for its own timer the shortest is taken. What OpenSSL said loses the line of Python's
    source and the library's version. What was replaced already stays as it is.
    """
    placeholders = {address: f"${{{name}}}" for name, address in sorted(names.items(), reverse=True)}
    for value in filter(lambda value: value.startswith("/"), placeholders):  # a folder; in a URL it may be encoded
        said = said.replace(value, placeholders[value]).replace(quote(value, safe=""), placeholders[value])
    said = _PATHS.sub(_path, said)
    said = _ADDRESSES.sub(
        lambda found: placeholders.get(found[0], ADDRESS if found[0].startswith(LABS) else found[0]), said
    )
    said = _PORTS.sub(lambda found: found[0] if int(found[3]) < FIRST_LOCAL_PORT else found[1] + PORT, said)
    said = _IDS.sub(ID, said)
    said = _TIMES.sub(rf"\1 {TIME}\2", said)
    said = _OPENSSL.sub(VERSION, _SSL_LINES.sub(LINE, said))
    said = _CURLS_TIMER.sub(f"Connection timeout after {TIME} ms", said)
    return _PIDS.sub(lambda found: (found[1] or found[2]) + PID, said)


def _path(found: re.Match[str]) -> str:
    if found["url"] is not None:
        return found[0]
    return f'{found["file"]}"{PATH}"' if found["file"] else PATH


def time_class(seconds: float, timeout: float) -> TimeClass:
    """Return how a try's time compares with its client's timeout, both in seconds.

    `at once` is less than two fifths of it, `timed out` nine tenths of it or more, everything between is `later`. So
    coarse, because a machine that is busy takes several times as long for what takes some milliseconds on an idle one,
    and must not see another class for it; while what a cause changes is coarse, too: an answer comes at once, after the
    kernel has tried again (a second for a SYN, tcp(7)), or never.
    """
    if seconds >= timeout * TIMED_OUT:
        return "timed out"
    return "at once" if seconds < timeout * AT_ONCE else "later"
