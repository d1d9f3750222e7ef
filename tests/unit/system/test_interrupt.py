"""Signals: the first raises or is noted, the second ends the process, whatever its main thread does."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from labctl import errors
from labctl.errors import Interrupted, LabctlError
from labctl.system.interrupt import SIGNALS, stoppable
from labctl.system.threads import Workers
from labctl.system.waiting import poll

READY = "ready"
PROGRAM = """
import signal, sys, threading, time
from labctl.errors import EngineError
from labctl.system.interrupt import stoppable

lock = threading.Lock()

def nobody():
    raise EngineError("no")

def {left_name}():
    {left}

with stoppable({left_name}) as removal, lock:
    removal.begin()
    print("ready", flush=True)
    {work}
"""


def test_an_interruption_is_not_an_error() -> None:
    """What catches errors, or exceptions of any kind, lets it pass."""
    assert not issubclass(Interrupted, (LabctlError, Exception))
    assert Interrupted.exit_code == 130


def test_the_tree_of_errors_names_each_class_below_its_base_with_its_exit_code() -> None:
    assert errors.__doc__ is not None
    drawn: list[tuple[str, str]] = []
    above = [LabctlError.__name__]
    for line in errors.__doc__.splitlines():
        branch, mark, rest = line.partition("── ")
        if mark:
            depth = (len(branch) - len("    ├")) // len("│   ") + 1
            name = rest.split()[0]
            above[depth:] = [name]
            drawn.append((name, above[depth - 1]))
    assert len(drawn) > 10
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, LabctlError)]
    real = [(one.__name__, one.__bases__[0].__name__) for one in classes if one is not LabctlError]
    assert sorted(drawn) == sorted(real)
    for name, _ in drawn:
        [line] = [one for one in errors.__doc__.splitlines() if f" {name} " in one and "── " in one]
        base, code = getattr(errors, name).__bases__[0], getattr(errors, name).exit_code
        stated = line.endswith(f"exit {code}")
        assert stated or (base.exit_code == code and " exit " not in line), name


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_the_first_signal_raises_and_handlers_are_as_before_afterwards(number: signal.Signals) -> None:
    before = [signal.getsignal(one) for one in SIGNALS]
    with pytest.raises(Interrupted, match=f"stopped by {number.name}"), stoppable(str):
        signal.raise_signal(number)
    assert [signal.getsignal(one) for one in SIGNALS] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_while_something_is_removed_a_signal_waits_for_the_end() -> None:
    removed = []

    def removes() -> None:
        with stoppable(str) as removal:
            removal.begin()
            signal.raise_signal(signal.SIGTERM)
            removed.append("everything")

    with pytest.raises(Interrupted, match="stopped by SIGTERM"):
        removes()
    assert removed == ["everything"]


def test_an_error_of_the_removal_says_more_than_the_signal() -> None:
    def removes() -> None:
        with stoppable(str) as removal:
            removal.begin()
            signal.raise_signal(signal.SIGTERM)
            raise LabctlError("something stays.")

    with pytest.raises(LabctlError, match="stays"):
        removes()


@pytest.fixture
def begin() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that starts a program which removes something, and waits until it does."""
    begun: list[subprocess.Popen[str]] = []

    def start(work: str, left: str = "return 'box'") -> subprocess.Popen[str]:
        program = PROGRAM.format(work=work, left=left, left_name="left")
        one = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        begun.append(one)
        assert one.stdout is not None
        assert one.stdout.readline().strip() == READY
        return one

    yield start
    for one in begun:
        one.kill()
        one.communicate()


HANGS = {
    "in a lock that it holds": "lock.acquire()",
    "in a loop": "while True: pass",
    "in a sleep": "while True: time.sleep(60)",
    "in a call that no signal interrupts": "__import__('hashlib').pbkdf2_hmac('sha256', b'', b'', 2 * 10 ** 9)",
}


@pytest.mark.parametrize("work", HANGS.values(), ids=list(HANGS))
def test_the_second_signal_ends_a_removal_that_hangs_anywhere(
    begin: Callable[..., subprocess.Popen[str]], work: str
) -> None:
    hangs = begin(work)
    hangs.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        hangs.wait(0.3)  # the first is only noted
    hangs.send_signal(signal.SIGINT)
    _, said = hangs.communicate(timeout=20)
    assert hangs.returncode == 130
    assert "stopped while removing. Left: box." in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("left", "shown"), [("time.sleep(600)", "what the engine does not list"), ("return nobody()", "does not list")]
)
def test_an_engine_that_does_not_answer_does_not_hold_it_up(
    begin: Callable[..., subprocess.Popen[str]], left: str, shown: str
) -> None:
    hangs = begin("time.sleep(600)", left)
    hangs.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        hangs.wait(0.1)
    hangs.send_signal(signal.SIGTERM)
    _, said = hangs.communicate(timeout=20)
    assert (hangs.returncode, shown in said) == (130, True)


def test_a_thread_that_nobody_waits_for_does_not_hold_up_the_end_of_the_process() -> None:
    program = "import time; from labctl.system.threads import Workers, aside; aside('x', time.sleep, 600)\n"
    program += "pool = Workers(2, 'y'); pool.submit(time.sleep, 600); pool.shutdown(wait=False)"
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - began < 60


def test_threads_start_as_work_comes_and_give_results_and_errors_back() -> None:
    def fails() -> None:
        raise LabctlError("as it should")

    with Workers(3, "few") as pool:
        assert list(pool.map(lambda number: number * 2, range(20))) == [number * 2 for number in range(20)]
        failing = pool.submit(fails)
        with pytest.raises(LabctlError, match="as it should"):
            failing.result()


def test_threads_left_by_an_exception_begin_nothing_more() -> None:
    may_end = threading.Event()
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        may_end.wait(60)

    futures: list[Future[None]] = []

    def breaks() -> None:
        with Workers(1, "one") as pool:
            futures.extend(pool.submit(work, number) for number in range(3))
            poll(lambda: begun == [0], 10, "the first to begin")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        breaks()
    assert [future.cancelled() for future in futures] == [False, True, True]
    may_end.set()
    futures[0].result(10)
    assert begun == [0]
