"""Many runs at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from labctl.model import Result
from labctl.run import Options, run
from labctl.scenario import Loaded
from labctl.session import Session


def matrix(
    loaded: Sequence[Loaded], session: Session, options: Options, *, jobs: int, on_result: Callable[[Result], None]
) -> list[Result]:
    """Run every scenario once, `jobs` at a time; results come back in the order of the scenarios."""
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="run")
    try:
        futures = [pool.submit(run, one, session, options) for one in loaded]
        for future in as_completed(futures):
            on_result(future.result())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # interrupted: the session removes what they hold
    return [future.result() for future in futures]
