"""The causes of an error on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from labctl.knowledge.tree import Fork
from labctl.knowledge.why import SERVER_PORT, Answer, Cause, Excluded, adapted
from labctl.report.apart import drawn, leaves
from labctl.report.columns import columns
from labctl.report.text import milliseconds, plain
from labctl.symptoms import Symptom

NOTHING = "No error of a connection is in this text."
WANTED = (
    "labctl knows Python's tracebacks, the messages of curl, nc, Node.js, Go and many others, and errno(3)'s names."
)
UNKNOWN = "The text does not say how the connection failed, so its cause cannot be told."
UNMEASURED = "No scenario shows this error, so its cause cannot be told."
PARTS = f"({SERVER_PORT} is the port the server is configured with; server, client and router are the roles of hosts.)"
ITSELF = (
    "The target is the machine, or the container, that the client runs on: no device in between can be the cause, and "
    "in a container it is not the server's. The lab has measured from one machine to another."
)


def why(console: Console, answers: Sequence[Answer], left: int = 0) -> None:
    """Print what is known of each error; `left` more are not shown."""
    for number, answer in enumerate(answers):
        if number:
            console.print()
        _one(console, answer)
    if left:
        kinds = "kind" if left == 1 else "kinds"
        console.print(Text(f"\n{left} more {kinds} of errors in this text; --all shows them."), soft_wrap=True)


def _one(console: Console, answer: Answer) -> None:
    _line(console, heading(answer.symptom), "bold")
    _line(console, f"  {answer.symptom.quoted}", "dim")
    if answer.on_itself:
        _line(console, ITSELF, "yellow")
    if not answer.causes:
        _line(console, UNKNOWN if answer.symptom.outcome is None else UNMEASURED, "yellow")
        _excluded(console, answer.excluded)
        return
    _line(console, f"\n{_measured(answer)}")
    for line in columns([(cause.scenario, f"{cause.title}{_exact(cause, answer)}") for cause in answer.causes]):
        _line(console, f"  {line}")
    _next(console, answer)
    _fixes(console, answer)
    _line(console, f"  {PARTS}", "dim")
    _excluded(console, answer.excluded)
    _line(console, f"\nSee it happen: labctl run {answer.causes[0].scenario}")


def heading(symptom: Symptom) -> str:
    """Return what was recognised, in a line: whose error, what it came to, at which stage, of which target."""
    target = f"{symptom.host or 'port'}:{symptom.port}" if symptom.port else symptom.host
    parts = (
        f"line {symptom.line}: {symptom.program}",
        (symptom.outcome.value if symptom.outcome else "an error") + (f" at {symptom.stage}" if symptom.stage else ""),
        symptom.errno,
        symptom.code,
        f"to {target}" if target else "",
        f"after {milliseconds(symptom.seconds)}" if symptom.seconds is not None else "",
        f"{symptom.times} times" if symptom.times > 1 else "",
    )
    return ", ".join(part for part in parts if part)


def _measured(answer: Answer) -> str:
    many = len(answer.causes)
    who = answer.symptom.client if answer.own else "by outcome and errno, with the clients that the lab has"
    return f"{many} cause{'s' * (many != 1)} that the lab has measured to give this ({who}):"


def _exact(cause: Cause, answer: Answer) -> str:
    return "   (in these words)" if cause.exact and not all(one.exact for one in answer.causes) else ""


def _next(console: Console, answer: Answer) -> None:
    if not isinstance(answer.next, Fork):
        if len(answer.causes) > 1:
            _line(console, "\nNo recorded diagnosis step distinguishes them.", "yellow")
        return
    _line(console, "\nTo distinguish them, check this first:")
    for line in drawn(answer.next, lambda question: adapted(question, answer.symptom)):
        _line(console, f"  {line}")
    for left in leaves(answer.next):
        if len(left) > 1:
            _line(console, f"No recorded diagnosis step distinguishes: {', '.join(left)}", "yellow")


def _fixes(console: Console, answer: Answer) -> None:
    _line(console, "\nThe fix, where the cause is")
    for cause in answer.causes:
        _line(console, f"  {cause.scenario}:")
        for fix in cause.fix:
            _line(console, f"    {adapted(fix, answer.symptom)}")
        for trap in cause.traps:
            _line(console, f"    not: {trap}   (why not: labctl show {cause.scenario})", "dim")


def _excluded(console: Console, excluded: Sequence[Excluded]) -> None:
    """Print why the others are no causes, those with one reason together."""
    if not excluded:
        return
    reasons: dict[str, list[str]] = {}
    for one in excluded:
        reasons.setdefault(one.why, []).append(one.scenario)
    _line(console, "\nNot these:")
    for reason, names in reasons.items():
        _line(console, f"  {', '.join(names)}: {reason}", "dim")


def _line(console: Console, said: str, style: str = "") -> None:
    console.print(Text(plain(said), style=style), soft_wrap=True)
