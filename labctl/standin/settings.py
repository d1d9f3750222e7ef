"""What a stack may set of the stand-in for an engine, and what labctl itself puts into its environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

VERSION = r"\d{1,3}\.\d{1,3}"


class Setting(NamedTuple):
    """One setting: what it is unless set, and the pattern of what it may be."""

    default: str
    takes: str


SETTINGS = {
    "API": Setting("1.41", VERSION),  # the newest version of the API that it speaks
    "MINIMUM": Setting("1.12", VERSION),  # and the oldest
    "GROUP": Setting("clients", "clients|root|everybody"),  # who may use its socket besides its user
}
SOCKET = "docker.sock"
FOLDER_VARIABLE = "LABCTL_FOLDER"  # in its environment: where its socket is
GROUP_VARIABLE = "LABCTL_GROUP"  # the same: the number of the clients' group; its own unless set


def setting(name: str) -> str:
    """Return a setting, as it is in the environment, or as it is without."""
    return os.environ.get(name, SETTINGS[name].default)


def unknown(settings: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with each of these settings that is none, or that has no value of its own."""
    wrong = {}
    for name, value in settings.items():
        if name not in SETTINGS:
            wrong[name] = f"is not a setting of the stand-in for an engine; its settings are {', '.join(SETTINGS)}"
        elif not re.fullmatch(SETTINGS[name].takes, value):
            wrong[name] = f"is {value!r}, which is none of {SETTINGS[name].takes}"
    return wrong
