"""What clients ask of a Docker Engine."""

from __future__ import annotations

import json
import os
from contextlib import suppress

from labctl.clients import UNIX, Target

PINNED = "DOCKER_API_VERSION"  # the version of the API that a program asks for, whatever the engine offers


def pinned() -> str | None:
    """Return the version of the API that is asked for; None where the engine's own is taken."""
    return os.environ.get(PINNED) or None


def path(target: Target) -> str:
    """Return what is asked of a target: of an engine, where a version is pinned, by that version of the API."""
    version = pinned() if target.scheme == UNIX else None
    return f"/v{version}{target.path}" if version else target.path


def said(target: Target, body: bytes) -> str:
    """Return what an engine said of an error: the message of its JSON, or its text; nothing of another target."""
    if target.scheme != UNIX:
        return ""
    text = body.decode(errors="replace").strip()
    with suppress(ValueError, KeyError, TypeError):
        text = str(json.loads(text)["message"])
    return text
