"""One try of one client, judged; or several, where the scenario's client retries."""

from __future__ import annotations

import errno
import subprocess
import time
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from labctl.clients import Target
from labctl.clients.outcomes import Staged, judge


def with_retries(
    client: ModuleType, target: Target, timeout: float, retry: Mapping[str, float] | None
) -> dict[str, Any]:
    """Try once, or, where the scenario's client retries, until it succeeds or its time is over."""
    began = time.monotonic()
    if retry is None:
        report = attempt(client, target, timeout)
    else:
        import tenacity

        report = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda report: report["outcome"] != "ok"),
            wait=tenacity.wait_fixed(retry["every"]),
            stop=tenacity.stop_after_delay(retry["for"]),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else {},
        )(attempt, client, target, timeout)
    return {**report, "seconds": time.monotonic() - began}


def attempt(client: ModuleType, target: Target, timeout: float) -> dict[str, Any]:
    """Let one client try once; return the fields of a `labctl.model.Try`, but for its name and time."""
    if hasattr(client, "command"):
        return _command(client, target, timeout)
    stage = Staged()
    try:
        client.attempt(target, timeout, stage)
    except Exception as error:  # noqa: BLE001 - the exact error is what we came for
        return judge(error, stage.now)
    return {"outcome": "ok", "stage": None}


def _command(client: ModuleType, target: Target, timeout: float) -> dict[str, Any]:
    ran = subprocess.run(
        client.command(target, timeout), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    told = client.read(ran.returncode, ran.stdout, ran.stderr)
    number = told.pop("number")
    return {
        **told,
        "errno": errno.errorcode[number] if number else None,
        "errno_number": number,
        "exit_code": ran.returncode,
        "details": ran.stdout + ran.stderr,
    }
