"""The agent: answers labctl's requests until its input ends.

A lab stands only once its agents run, and on two cores Python's imports are most of what that takes: the modules of
this folder do without pathlib, ipaddress, typing, contextlib and base64, which would make it half as long again.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping

from labctl.agent.children import Children
from labctl.agent.lines import Lines
from labctl.agent.looks import Looks, answer
from labctl.agent.resolver import Resolver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Request = Mapping[str, Any]

LINGERS_AT = 2  # the argument
RESOLV_CONF = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"
"""A resolver that is silent costs a second, not the ten that resolv.conf(5) has by default: two tries of five."""


def _known() -> Mapping[str, Callable[[Request], Any]]:
    """Return the requests that the agent knows, by their names."""
    children, resolver, looks = Children(), Resolver(), Looks()

    def run(request: Request) -> Any:
        ran = children.run(request["argv"], float(request["timeout"]))
        if ran["exit_code"] == 0 and "then" in request:
            ran["then"] = run(request["then"])
        return ran

    def resolve(request: Request) -> None:
        resolver.know(request["names"])
        resolver.serve()
        # a bind mount, so it is written in place; the engine writes it anew with each connection to a network
        with open("/etc/resolv.conf", "w") as file:
            file.write(RESOLV_CONF)

    def misbehave(request: Request) -> None:
        resolver.misbehave(request["answers"], request["says"])

    def sockets(request: Request) -> Any:
        return answer(request["question"])

    def capture(request: Request) -> None:
        looks.begin(request["limits"])

    def look(request: Request) -> Any:
        return looks.look(request["question"], last=bool(request["last"]))

    def end(_: Request) -> None:
        os._exit(0)

    return {one.__name__: one for one in (run, resolve, misbehave, sockets, capture, look, end)}


def main() -> None:
    """Serve until the stream ends or the time to live (the first argument, in seconds) is over.

    Where the stream ends and nobody said so, labctl was killed, and all hosts of a lab hear of it at once: each waits
    as long as its second argument says, since engine 20.10 locks up, now and then, when two leave a network together.
    Then the kernel ends the rest of this PID namespace. Anywhere else than at its head it refuses to run: what it does
    to a host's network and files it must never do to the machine.
    """
    if os.getpid() != 1:
        sys.exit("labctl's agent runs as PID 1 of a sandbox only")
    if len(sys.argv) > 1:
        end = threading.Timer(float(sys.argv[1]), os._exit, [0])
        end.daemon = True  # or it would keep an agent that has failed alive, and everybody waiting for it
        end.start()
    # Python's own handler would let anybody's SIGINT end PID 1; the kernel drops a signal that has none, see
    # pid_namespaces(7).
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    lines = Lines()
    known = _known()

    def answer(request: Request) -> None:
        number = request.get("id")
        try:
            do = known[request["do"]]
            lines.reply(number, ok=do(request))
        except Exception as error:  # noqa: BLE001 - whatever it is, labctl must hear of it
            lines.reply(number, error=f"{type(error).__name__}: {error}")

    lines.reply(None, ok={"pid": os.getpid()})
    for request in lines:
        threading.Thread(target=answer, args=(request,), daemon=True).start()
    time.sleep(float(sys.argv[2]) if len(sys.argv) > LINGERS_AT else 0)
    os._exit(0)  # daemon threads may be in the middle of something; nothing is worth waiting for


if __name__ == "__main__":
    main()
