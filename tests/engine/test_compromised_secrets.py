"""What the environment of labctl holds stays there: no container, no file of a run and no output has any of it."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from pathlib import Path

import pytest

from labctl.engine import once
from labctl.engine.connection import Connection
from labctl.engine.labels import SESSION
from labctl.lab.session import Session
from labctl.model import Verdict
from labctl.results.journal import PHASE, Event
from labctl.run.run import Options, run
from support.hostile import ANSWERS, loaded, written
from support.labs import inspect
from support.variants import WRONG, labctl, variant

SECRET = f"odd-{secrets.token_hex(12)}"
NAMES = (
    "AWS_SECRET_ACCESS_KEY",
    "GITHUB_TOKEN",
    "DOCKER_AUTH_CONFIG",
    "DOCKER_PASSWORD",
    "PGPASSWORD",
    "LABCTL_SECRET",
)
PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY")
HELD: Mapping[str, str] = {
    **dict.fromkeys(NAMES, SECRET),
    **dict.fromkeys(PROXIES, f"http://somebody:{SECRET}@127.0.0.1:9"),
}
ENV = "import json, os; print(json.dumps(dict(os.environ)), flush=True)\n"


@pytest.fixture(autouse=True)
def held(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hold secrets as people do: in the environment, and in Docker's own settings for proxies and registries."""
    for name, value in HELD.items():
        monkeypatch.setenv(name, value)
    settings = {
        "proxies": {"default": {"httpProxy": HELD["http_proxy"], "httpsProxy": HELD["http_proxy"]}},
        "auths": {"127.0.0.1:1": {"auth": base64.b64encode(f"somebody:{SECRET}".encode()).decode()}},
    }
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "config.json").write_text(json.dumps(settings))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


def holding(folder: Path) -> list[Path]:
    """Return the files below a folder that have the secret, but for Docker's own settings, which began with it."""
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != "config.json")
    return [file for file in files if SECRET.encode() in file.read_bytes()]


def test_a_secret_that_is_written_is_found(tmp_path: Path) -> None:
    (tmp_path / "leak.txt").write_text(f"a {SECRET} z")
    assert holding(tmp_path) == [tmp_path / "leak.txt"]


def test_no_container_has_anything_of_labctl_s_environment(tmp_path: Path, session: Session) -> None:
    """Neither by the engine's word nor by the service's own, in none of the phases."""
    told: list[str] = []

    def look(event: Event) -> None:
        if event.kind == PHASE:
            there = session.containers.labelled(f"{SESSION}={session.id}")
            told.extend(json.dumps(inspect(session, one["Id"])) for one in there)

    of = loaded(tmp_path, "environment", ENV + ANSWERS + "serve()", service={"environment": {"OWN": "is-there"}})
    result = run(of, session, Options(clients=("socket",), runs=tmp_path / "runs", listeners=(look,)))
    assert result.verdict is Verdict.PASSED, result.reason
    log = result.services["server"][0].log
    assert "is-there" in log
    assert SECRET not in log
    assert any("is-there" in one for one in told)
    assert not [one for one in told if SECRET in one]
    assert holding(tmp_path) == []


def test_containers_beside_a_run_get_no_proxy_of_docker_s_settings(connection: Connection, session: Session) -> None:
    """Docker's own command would put the proxies of its settings into every container."""
    ran = once.run_once(connection, session.image, ["env"], purpose="show its environment")
    assert "PATH=" in ran.stdout
    assert SECRET not in ran.stdout


@pytest.mark.parametrize(
    ("name", "changes", "code"),
    [("right", {}, 0), ("wrong", WRONG, 1), ("broken", {"fault": [{"stopp": "server"}]}, 2)],
)
def test_neither_output_nor_folder_of_a_run_has_a_secret(
    name: str, changes: Mapping[str, object], code: int, tmp_path: Path
) -> None:
    """Whether the run passes, fails, or is refused for a mistake."""
    variant(tmp_path / "scenarios", name, changes)
    for arguments in (("run", name, "--timings"), ("matrix", name, "--junit", "r.xml"), ("run", name, "--json")):
        done = labctl(tmp_path, *arguments, "--client", "socket", NO_COLOR="1")
        assert done.returncode == code, done.stdout + done.stderr
        assert SECRET not in done.stdout + done.stderr
    assert holding(tmp_path) == []
    assert (tmp_path / ".labctl").exists() == (code < 2)
    if code < 2:
        bundled = labctl(tmp_path, "bundle", "last", "-o", "b.tar.gz")
        assert bundled.returncode == 0, bundled.stderr
        shown = labctl(tmp_path, "bundle", "show", "b.tar.gz")
        assert SECRET not in bundled.stdout + shown.stdout


@pytest.mark.parametrize(
    "address",
    [
        f"tcp://somebody:{SECRET}@127.0.0.1:1",
        f"http://somebody:{SECRET}@127.0.0.1:1",
        f"tcp://:{SECRET}@127.0.0.1:1/path",
        f"ftp://somebody:{SECRET}@127.0.0.1:1",
    ],
    ids=["tcp", "http", "path", "ftp"],  # the secret is another one in each process
)
@pytest.mark.parametrize("command", [("run", "server-down"), ("engine", "status"), ("doctor",), ("clean",)])
def test_an_engine_that_is_missing_is_named_without_the_password_in_its_address(
    address: str, command: tuple[str, ...], tmp_path: Path
) -> None:
    done = labctl(tmp_path, *command, DOCKER_HOST=address)
    assert done.returncode != 0
    assert SECRET not in done.stdout + done.stderr
    assert "127.0.0.1:1" in done.stdout + done.stderr


def test_a_service_that_prints_its_stack_s_own_variables_is_quoted(tmp_path: Path) -> None:
    """What an author wrote into a stack is no secret of the machine: it is in the stack, and in the report."""
    written(tmp_path / "scenarios", "own", ENV + ANSWERS + "serve()", service={"environment": {"OWN": "is-there"}})
    done = labctl(tmp_path, "run", "own", "--client", "socket", "--json")
    assert done.returncode == 0, done.stderr
    assert "is-there" in done.stdout
