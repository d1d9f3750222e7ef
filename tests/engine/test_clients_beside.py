"""labctl's clients beside somebody's program: they come back with its host, and those of before are gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labctl import actions
from labctl.engine.labels import ROLE, SESSION
from labctl.lab.lab import Lab
from labctl.lab.session import Session
from labctl.model import Outcome
from labctl.run.run import Options
from labctl.system.waiting import poll
from support import trying
from support.hostile import ANSWERS, loaded, standing

actions.discover()
WORKER = {"image": "labctl", "command": ["sleep", "600"]}


def apply(lab: Lab, written: dict[str, Any]) -> None:
    """Do what stands in a scenario."""
    key = actions.key_of(written)
    assert key is not None
    lab.apply(actions.registry[key].model_validate(written))


def outcome(lab: Lab) -> Outcome:
    """Return what the client comes to now."""
    return trying.one(lab, "socket", f"http://{lab.values['address.server']}:8080/", 2).outcome


@pytest.mark.parametrize("steps", [[{"reboot": "client"}], [{"power_off": "client"}, {"power_on": "client"}]])
def test_the_clients_come_back_with_their_host_and_only_once(
    steps: list[dict[str, Any]], tmp_path: Path, session: Session, options: Options
) -> None:
    of = loaded(tmp_path, "beside-again", ANSWERS + "serve()", services={"client": WORKER})
    with standing(of, session, options) as lab:
        run = lab.pod("client").place.name.removesuffix("-client")

        def running() -> list[str]:
            found = session.containers.labelled(f"{SESSION}={session.id}")
            ours = [one for one in found if one["Labels"][ROLE] == "clients" and run in one["Names"][0]]
            return [one["Names"][0] for one in ours if one["State"] == "running"]

        before = running()
        assert len(before) == 1
        poll(lambda: outcome(lab) == Outcome.OK, 10, "the server to listen")
        for step in steps:
            apply(lab, step)
        assert outcome(lab) == Outcome.OK
        poll(lambda: len(running()) == 1, 10, "the clients of before to have ended")
        assert running() != before
