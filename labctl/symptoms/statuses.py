"""HTTP's statuses 502, 503 and 504, as programs word them: a failed connection behind, or a server that is not ready.

Others tell that the server was reached and answered, and nothing of a connection. Lines of access logs are no errors
of whoever has written them, so that a status behind a request in quotation marks tells nothing.
"""

from __future__ import annotations

from labctl.model import Outcome, Stage
from labctl.symptoms.episode import Episode
from labctl.symptoms.reading import Line
from labctl.symptoms.rows import Rows, first, row

ANSWERED = (Outcome.PROTOCOL_ERROR, Stage.PROTOCOL)

ROWS = Rows(
    row(r"\b50[234] Server Error: .{1,60} for url: ", "requests", *ANSWERED, client="requests"),
    row(r"\bServer error '50[234] .{1,60}' for url '", "httpx", *ANSWERED, client="httpx"),
    row(r"\b50[234], message='", "aiohttp", *ANSWERED, client="aiohttp"),
    row(r"\bHTTP Error 50[234]: ", "urllib", *ANSWERED, client="urllib"),
    row(r"\bfatal: unable to access '.{1,1000}?': The requested URL returned error: 50[234]\b", "git", *ANSWERED),
    row(r"\bAxiosError: Request failed with status code 50[234]\b", "Node.js", *ANSWERED),
    row(r"\bResponse status code does not indicate success: 50[234]\b", ".NET", *ANSWERED),
    row(r"\bERROR 50[234]: (?:Bad Gateway|Service|Gateway)", "wget", *ANSWERED),
    row(r"\bstatus code:? 50[234]\b", "HTTP", *ANSWERED),
    row(  # not what `curl -v` shows before its last line, either
        r"(?<!\" )(?<!^< HTTP/1\.[01] )(?<!^< HTTP/2 )"
        r"\b50[234] (?:Bad Gateway|Service (?:Temporarily )?Unavailable|Gateway Time-?[Oo]ut)\b",
        *("HTTP", *ANSWERED),
    ),
)


def recognise(line: Line) -> Episode | None:
    """Begin an error with one of these statuses."""
    return first(ROWS, line)
