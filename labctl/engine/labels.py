"""The labels by which labctl finds again what it has made, whichever process of labctl made it."""

from __future__ import annotations

SESSION = "labctl.session"  # one process of labctl
RUN = "labctl.run"
SCENARIO = "labctl.scenario"
ROLE = "labctl.role"
SANDBOX = "sandbox"  # a ROLE; a run lives while one of its sandboxes runs
STARTED = "labctl.started"  # seconds since 1970
ONCE = "labctl.once"  # what a single command is for
IMAGE = "labctl.image"  # the name of one of labctl's own images
BASE = "labctl.base"  # what an image stands on, in words
BASE_ID = "labctl.base.id"
VERSION = "labctl.version"
