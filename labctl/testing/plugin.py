"""Scenarios as tests of pytest: `pytest scenarios/` runs each YAML file there as one test.

passed is PASSED, failed FAILED, inconclusive ERROR (the run is the test's set-up, its verdict the test), skipped
SKIPPED; a file with mistakes is an error of collection. Every pytest in an environment where labctl is installed
loads this module, so what is heavy is imported where the first scenario is met.
"""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labctl.errors import LabctlError, UnknownName
from labctl.language.bounds import SUFFIXES, beginning
from labctl.scenario.catalogue import demand_one
from labctl.stack.find import is_stack

if TYPE_CHECKING:
    from labctl.lab.session import Session
    from labctl.model import Result
    from labctl.results.journal import Event
    from labctl.run.run import Options
    from labctl.scenario.load import Loaded

FOLDERS = "labctl_scenarios"  # the ini option
USUAL_FOLDER = "scenarios"
KEY = re.compile(r"""^["']?(\w+)["']?\s*:""", re.MULTILINE)  # at the top of a YAML file
OF_SCENARIOS = {"cause", "stack", "client", "trigger", "fault", "expect", "diagnose", "fix", "recover"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option and the ini option."""
    group = parser.getgroup("labctl", "labctl's scenarios")
    group.addoption(
        "--labctl-client",
        action="append",
        default=[],
        metavar="CLIENT",
        help="let only this client try, in every scenario; may be given again",
    )
    group.addoption(
        "--labctl-allow-image",
        action="append",
        default=[],
        metavar="PATTERN",
        help="let stacks use this image, too, which is not labctl's own; may be given again",
    )
    parser.addini(
        FOLDERS,
        f"folders whose YAML files are labctl's scenarios; without it {USUAL_FOLDER}/, if it holds any",
        type="args",
        default=[],
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark that all scenarios have, and refuse unknown clients before anything runs."""
    config.addinivalue_line("markers", "labctl: a scenario of labctl; it needs a Docker engine")
    config.stash[LAB] = Lab(config)
    if config.getoption("markers", default=False):
        _declare_causes(config)
    if config.option.labctl_client:
        from labctl import clients

        for client in config.option.labctl_client:
            if client not in clients.names():
                raise pytest.UsageError(str(UnknownName("client", client, clients.names())))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    """Take a YAML file that is a scenario: it lies where scenarios lie, or is named itself, and is no stack."""
    if file_path.suffix not in SUFFIXES:
        return None
    named = parent.session.isinitpath(file_path) or _among_scenarios(file_path, parent.session)
    if not named or is_stack(file_path):
        return None
    return ScenarioFile.from_parent(parent, path=file_path)


def _among_scenarios(file: Path, session: pytest.Session) -> bool:
    """Tell whether a file lies in a folder of scenarios, seen from pytest's root or from where it was called.

    A folder that is only called so, and that nobody named, may be another program's: one of its files must look like a
    scenario.
    """
    config = session.config
    starts = {config.rootpath, config.invocation_params.dir}
    named = config.getini(FOLDERS)
    folders = [start / name for start in starts for name in named or [USUAL_FOLDER]]
    return any(
        file.is_relative_to(folder) and (named or session.isinitpath(folder) or _holds_scenarios(folder))
        for folder in folders
    )


@cache
def _holds_scenarios(folder: Path) -> bool:
    files = (file for file in folder.rglob("*") if file.suffix in SUFFIXES)
    return any(len(_keys(file) & OF_SCENARIOS) > 1 for file in files)


def _keys(file: Path) -> set[str]:
    """Return what looks like a key at the top of a file; what cannot be read is told where the scenario is read."""
    return set(KEY.findall(beginning(file)))


class ScenarioFile(pytest.File):
    """A scenario's file, which holds one test."""

    def collect(self) -> Iterator[ScenarioItem]:
        """Read the file; what is wrong with it is told in labctl's own words."""
        from labctl.report.text import plain

        _declare_causes(self.config)
        try:
            loaded = self._load()
        except LabctlError as error:
            raise self.CollectError(plain(str(error))) from error
        yield ScenarioItem.from_parent(self, name=loaded.scenario.name, loaded=loaded)

    def _load(self) -> Loaded:
        """Read the scenario; raises Mistakes, and UsageError where another file has one of this name."""
        from labctl.scenario.load import load

        here = Path.cwd()
        loaded = load(self.path.relative_to(here) if self.path.is_relative_to(here) else self.path)
        name = loaded.scenario.name
        demand_one(name, self.config.stash[LAB].places.setdefault(name, loaded.file), loaded.file)
        return loaded


class ScenarioItem(pytest.Item):
    """One scenario, run once."""

    def __init__(self, *, loaded: Loaded, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.loaded = loaded
        self.result: Result | None = None
        self.add_marker("labctl")
        self.add_marker(loaded.scenario.cause)

    def setup(self) -> None:
        """Run the scenario; what can say nothing about its claim ends the test here."""
        from labctl.model import Verdict
        from labctl.report.facts import properties
        from labctl.report.text import plain

        try:
            self.result = result = self.config.stash[LAB].run(self)
        except LabctlError as error:
            raise pytest.fail.Exception(plain(str(error)), pytrace=False) from None
        self.user_properties += properties(result, self.loaded.scenario.stack)
        if result.verdict is Verdict.SKIPPED:
            pytest.skip(plain(result.reason))
        if result.verdict is Verdict.INCONCLUSIVE:
            _fail(result)

    def runtest(self) -> None:
        """Judge the run."""
        from labctl.model import Verdict

        if self.result is not None and self.result.verdict is not Verdict.PASSED:
            _fail(self.result)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the scenario stands and what it is called."""
        return self.path, 0, self.name


def _fail(result: Result) -> None:
    from labctl.report.terminal import as_text

    raise pytest.fail.Exception(as_text(result), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the one-line summary name the scenario's file and the reason, not a line of this module."""
    report = yield
    if isinstance(item, ScenarioItem):
        if isinstance(report.longrepr, tuple):
            report.longrepr = (str(item.path), 1, report.longrepr[2])
        elif item.result is not None and (crash := getattr(report.longrepr, "reprcrash", None)):
            from labctl.report.text import plain

            crash.path, crash.lineno, crash.message = str(item.path), 1, plain(item.result.reason)
    return report


class Lab:
    """What all scenarios of one pytest process share: the session, begun at the first that runs."""

    def __init__(self, config: pytest.Config) -> None:
        self.places: dict[str, Path] = {}  # where each scenario was found
        self._config = config
        self._session: Session | None = None
        self._broken = ""

    def run(self, item: ScenarioItem) -> Result:
        """Run a scenario; raises LabctlError where no lab can be had, and skips those that come after that.

        Those that come after one that could not write what it saw are skipped, too.
        """
        from labctl.run.run import run
        from labctl.scenario import images

        images.demand([item.loaded], self._options.allow_images)
        if self._broken:
            pytest.skip(f"not run: {self._broken}")
        if self._session is None:
            try:
                self._session = self._begin(item.session.items)
            except LabctlError as error:
                self._broken = error.what
                raise
        return run(item.loaded, self._session, self._options)

    @property
    def _options(self) -> Options:
        """How the command line has it."""
        from labctl.run.run import Options

        given = self._config.option
        clients, images = tuple(given.labctl_client), tuple(given.labctl_allow_image)
        return Options(clients=clients, allow_images=images, listeners=(self._hear,))

    def _hear(self, event: Event) -> None:
        """Take one event of a run's journal."""
        from labctl.results.journal import UNKEPT

        if event.kind == UNKEPT:
            self._broken = event.text

    def _begin(self, items: Iterable[pytest.Item]) -> Session:
        """Find the engine and build the images of all scenarios, telling of it on the terminal."""
        from labctl.lab.session import ready
        from labctl.scenario import images

        undo = ExitStack()
        allowed = self._options.allow_images

        def end() -> None:
            with _undisturbed():
                undo.close()

        self._config.add_cleanup(end)
        found = [one.loaded for one in items if isinstance(one, ScenarioItem)]
        chosen = [one for one in found if not images.refused_of(one, allowed)]  # the others are refused one by one
        with _seen(self._config):
            return undo.enter_context(ready(chosen, allowed, signals=False))


@contextmanager
def _seen(config: pytest.Config) -> Iterator[None]:
    """Let what is printed be seen at once; pytest captures it otherwise."""
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        yield


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let a second Ctrl-C wait until everything is removed, which takes seconds at most."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread hears signals
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _declare_causes(config: pytest.Config) -> None:
    """Declare each cause as a mark; asked for it again, do nothing."""
    from labctl.scenario.causes import CAUSES

    known = config.getini("markers")
    for cause, means in CAUSES.items():
        line = f"{cause}: a scenario of labctl. {means}"
        if line not in known:
            config.addinivalue_line("markers", line)


LAB = pytest.StashKey[Lab]()
