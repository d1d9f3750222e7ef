"""Carrying out what the engine is asked about a host: each verb by the host's method for it."""

from __future__ import annotations

from typing import assert_never

from labctl.actions import verbs
from labctl.actions.verbs import Deed, Question, Verb
from labctl.lab.pod import Pod
from labctl.model import Ran


def carried_out(verb: Verb, host: Pod) -> bool | Ran | None:
    """Do to a host what a verb says; return the answer of a question, or how a command ended.

    Raises EngineError as the engine does.
    """
    return answered(verb, host) if isinstance(verb, Question) else _done(verb, host)


def answered(question: Question, host: Pod) -> bool:
    """Answer a question about a host."""
    match question:
        case verbs.Running():
            return host.running()
        case verbs.Ended():
            return host.ended()
        case verbs.Paused():
            return host.paused()
        case verbs.Unpaused():
            return host.unpaused()
        case verbs.Connected(network=network):
            return host.connected(network=network)
        case verbs.Disconnected():
            return host.disconnected()
        case _:
            assert_never(question)


def _done(deed: Deed, host: Pod) -> Ran | None:  # noqa: C901, PLR0912 - two lines for each verb
    match deed:
        case verbs.Start():
            host.start()
        case verbs.Stop(grace=grace):
            host.stop(grace=grace)
        case verbs.Kill(signal=signal):
            host.kill(signal=signal)
        case verbs.Recreate(environment=environment, command=command, ports=ports):
            host.recreate(environment=environment, command=command, ports=ports)
        case verbs.Execute(argv=argv, seconds=seconds):
            return host.execute(argv=argv, seconds=seconds)
        case verbs.Pause():
            host.pause()
        case verbs.Unpause():
            host.unpause()
        case verbs.PowerOff():
            host.power_off()
        case verbs.PowerOn():
            host.power_on()
        case verbs.Reboot(sysctls=sysctls):
            host.reboot(sysctls=sysctls)
        case verbs.Disconnect():
            host.disconnect()
        case verbs.Connect(network=network):
            host.connect(network=network)
        case _:
            assert_never(deed)
    return None
