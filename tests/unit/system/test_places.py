"""Where things lie: each folder follows the environment that it is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.system import places


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"LABCTL_STATE": "/srv/lab", "XDG_STATE_HOME": "/x", "HOME": "/h"}, "/srv/lab"),
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/labctl"),
        ({"HOME": "/h"}, "/h/.local/state/labctl"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/labctl"),
        ({"XDG_STATE_HOME": "", "LABCTL_STATE": "", "HOME": "/h"}, "/h/.local/state/labctl"),
    ],
)
def test_the_state_folder_is_the_users_choice_then_xdgs(environment: dict[str, str], folder: str) -> None:
    assert places.state_folder(environment) == Path(folder)


def test_the_private_engine_lies_in_the_state_folder() -> None:
    assert places.private_engine({"LABCTL_STATE": "/srv/lab"}) == Path("/srv/lab/engine")


def test_a_checkout_has_its_stacks_and_scenarios_beside_the_package(root: Path) -> None:
    assert places.installed("compose") == root / "compose"
    assert places.installed("scenarios") == root / "scenarios"
