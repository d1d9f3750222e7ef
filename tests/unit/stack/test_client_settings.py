"""A client's settings: written once, changed in mid-run, sent to the clients in numbers of seconds."""

from __future__ import annotations

import pytest

from labctl.actions.client import Client as Change
from labctl.scenario.model import Client
from labctl.stack.client_settings import ClientSettings

WRITTEN = {"target": "http://server:80/", "timeout": "3s", "retry": {"every": "100ms", "for": "2s"}, "again": "50ms"}


def test_the_clients_are_sent_every_setting_but_those_that_labctl_sees_to_itself() -> None:
    sent = ClientSettings.model_validate(WRITTEN).request()
    assert sent.keys() == ClientSettings.model_fields.keys() - {"depends_on", "pause"}
    assert {name: value for name, value in sent.items() if name in WRITTEN} == {
        "target": "http://server:80/",
        "timeout": 3.0,
        "retry": {"every": 0.1, "for": 2.0},
        "again": 0.05,
    }


def test_a_scenario_s_client_has_every_setting() -> None:
    assert Client.model_fields.keys() - ClientSettings.model_fields.keys() == {"host", "run"}
    assert ClientSettings.model_fields.keys() <= Client.model_fields.keys()


@pytest.mark.parametrize("name", ClientSettings.model_fields)
def test_a_null_in_the_action_stands_for_what_is_so_unless_it_is_set(name: str) -> None:
    changed = Change.model_validate({"client": {name: None}}).client
    assert getattr(changed, name) == getattr(ClientSettings(), name)
    assert changed.changes == {name: getattr(ClientSettings(), name)}


def test_only_what_was_written_is_a_change_and_a_try_may_take_all_its_retries() -> None:
    settings = ClientSettings.model_validate(WRITTEN)
    assert settings.changes.keys() == WRITTEN.keys()
    assert settings.patience == pytest.approx(2 * 3 + 2)


def test_a_change_is_written_down_as_what_it_changes() -> None:
    """Not with what stays: a run's scenario.json is what was written."""
    written = {"client": {"target": "http://server:80/", "retry": {"every": "100ms", "for": "2s"}}}
    assert Change.model_validate(written).model_dump(mode="json", by_alias=True, exclude_none=True) == written
