"""What a scenario may ask for although it looks like an attack: on a real engine it reaches its own containers, no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.engine import images
from labctl.engine.labels import SESSION
from labctl.errors import UsageError
from labctl.lab.deploy import deployed
from labctl.lab.lab import Lab
from labctl.lab.request import LabRequest
from labctl.lab.session import Session
from labctl.model import Result, Verdict
from labctl.results.journal import Journal, new_folder
from labctl.run.run import Options, run
from labctl.scenario.load import load
from support.attacks import FOLDER, STACK
from support.labs import inspect, sandbox_of
from support.variants import labctl

NONE = "0000000000000000"
MINE = "labctl-test-allowed:1"
EVIL = """\
    user: "0"
    entrypoint: [sh, -c, 'exec "$$0" "$$@"']
    command: [serve]
    environment:
      LD_PRELOAD: /x/evil.so
      PYTHONSTARTUP: /x/evil.py
      BASH_ENV: /x/evil.sh
      LABCTL_STATE: $$(touch /x)
      DOCKER_HOST: tcp://192.0.2.1:2375
      "PATH": /usr/local/bin:/usr/bin:/bin:/x
    volumes: [kept:/var/lib/kept]
    tmpfs: [/x]
    configs: [{source: odd, target: "/x y/$(id);`id`"}]
    extra_hosts: {server.example: 192.0.2.7}
    mem_limit: 4g
    ulimits: {nofile: 64}
"""
ODD = "${...} is $$(id)"


@pytest.fixture(scope="module")
def lab(session: Session, options: Options, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Bring up a stack in which a server asks for as much as it may."""
    folder = tmp_path_factory.mktemp("evil")
    server = STACK.replace("    command: [serve]\n", EVIL).replace(
        "{internal: true}}", "{internal: true}}\nvolumes: {kept: }"
    )
    written = {**FOLDER, "stack.yaml": f"{server}configs: {{odd: {{content: '$$(id)'}}}}\n"}
    for name, text in written.items():
        (folder / name).write_text(text)
    loaded = load(folder / "attack.yaml")
    journal = Journal(new_folder(options.runs, "attack", since=session.began))
    try:
        with deployed(LabRequest(loaded.stack, "attack", "client"), session, journal) as standing:
            yield standing
    finally:
        journal.conclude(Result("tests", "attack", "", "", Verdict.SKIPPED, "", "", journal.now, ()))


def printed(lab: Lab, host: str, line: str) -> str:
    return lab.execute(host, ["sh", "-c", line], 10).stdout


def test_no_container_has_anything_of_the_machine(lab: Lab, session: Session) -> None:
    for one in session.containers.labelled(f"{SESSION}={session.id}"):
        told = inspect(session, one["Id"])
        host = told["HostConfig"]
        mounts = [mount for mount in told["Mounts"] if mount["Type"] != "tmpfs"]
        assert all(mount["Type"] == "volume" and mount["Name"].startswith("labctl-") for mount in mounts)
        assert host["Privileged"] is False
        assert {host[name] for name in ("PidMode", "IpcMode", "UTSMode", "UsernsMode", "NetworkMode")}.isdisjoint(
            {"host"}
        )
        assert not host["Devices"]
        assert not host["PortBindings"]
        assert not host["CgroupParent"]
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert set(host["CapAdd"] or []) <= {"NET_ADMIN", "NET_RAW", "CAP_NET_ADMIN", "CAP_NET_RAW"}
        assert 0 < host["Memory"] <= 4 << 30
        assert host["PidsLimit"] > 0
    assert lab.pods


def test_a_service_that_is_root_holds_no_capability(lab: Lab) -> None:
    shown = dict(
        line.split(":\t") for line in printed(lab, "server", "cat /proc/self/status").splitlines() if ":\t" in line
    )
    assert shown["Uid"].split()[0] == "0"
    assert (shown["CapEff"], shown["CapBnd"], shown["NoNewPrivs"]) == (NONE, NONE, "1")


@pytest.mark.parametrize(
    "line", ["mount -t proc none /x", "mknod /tmp/sda b 8 0", "ip link set eth0 down", "iptables -F"]
)
def test_what_a_service_that_is_root_tries_is_refused_by_the_kernel(lab: Lab, line: str) -> None:
    assert lab.execute("server", ["sh", "-c", line], 10).exit_code != 0


@pytest.mark.parametrize(
    "line", ["cat /proc/1/environ", "cat /proc/1/mem", "ls /proc/1/root/", "kill -9 1; kill -TERM 1"]
)
def test_a_service_that_is_root_gets_nothing_out_of_the_agent(lab: Lab, line: str) -> None:
    ran = lab.execute("server", ["sh", "-c", line], 10)
    assert ran.stdout == ""
    assert lab.tool("server", ["echo", "alive"], 5).stdout == "alive\n"


def test_the_environment_reaches_the_service_alone(lab: Lab, session: Session) -> None:
    assert "LD_PRELOAD=/x/evil.so" in inspect(session, lab.pod("server").service)["Config"]["Env"]
    sandbox = inspect(session, sandbox_of(session, lab, "server"))["Config"]["Env"]
    assert not any("/x" in value or "192.0.2" in value for value in sandbox)
    agents = lab.tool("server", ["sh", "-c", "tr '\\0' '\\n' < /proc/1/environ; env"], 5).stdout
    assert "evil" not in agents
    assert "192.0.2" not in agents


def test_a_config_s_name_is_a_name_and_its_content_content(lab: Lab) -> None:
    ran = lab.execute("server", ["cat", "/x y/$(id);`id`"], 10)
    assert (ran.exit_code, ran.stdout) == (0, "$(id)")


def test_a_tmpfs_has_the_engine_s_options(lab: Lab) -> None:
    [mounted] = [line for line in printed(lab, "server", "cat /proc/mounts").splitlines() if " /x tmpfs " in line]
    assert {"nosuid", "nodev", "noexec"} <= set(mounted.split()[3].split(","))


def test_a_variable_of_the_shell_is_the_container_s_own(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABCTL_SECRET", "hunter2")
    assert printed(lab, "client", "env; echo $LABCTL_SECRET ${HOME}").find("hunter2") == -1


def test_the_client_s_environment_reaches_its_own_tries_alone(
    session: Session, options: Options, tmp_path: Path
) -> None:
    """And harms nobody else: the client's program still answers, and the run comes to its verdict."""
    changed = FOLDER["attack.yaml"].replace(
        "client: {", "client: {environment: {LD_PRELOAD: /x.so, PYTHONSTARTUP: /x.py}, "
    )
    (tmp_path / "stack.yaml").write_text(STACK)
    (tmp_path / "attack.yaml").write_text(changed)
    result = run(load(tmp_path / "attack.yaml"), session, Options(clients=("socket", "nc"), runs=options.runs))
    assert result.verdict in (Verdict.PASSED, Verdict.FAILED), result.reason
    known = json.loads((Path(result.folder) / "scenario.json").read_text())
    assert known["client"]["environment"]["LD_PRELOAD"] == "/x.so"


@pytest.fixture
def mine(session: Session) -> Iterator[str]:
    """Give labctl's own image a name that is not labctl's own."""
    images.tag(session.connection, session.image, MINE)
    yield MINE
    images.remove(session.connection, MINE)


def test_an_image_that_is_allowed_is_used_and_one_that_is_not_makes_nothing(
    mine: str, session: Session, tmp_path: Path
) -> None:
    mine = f"docker.io/library/{mine}"
    (tmp_path / "stack.yaml").write_text(STACK.replace("    image: labctl\n", f"    image: {mine}\n"))
    (tmp_path / "attack.yaml").write_text(FOLDER["attack.yaml"])
    loaded = load(tmp_path / "attack.yaml")
    made = Options(clients=("socket",), runs=tmp_path / "runs")
    with pytest.raises(UsageError, match="is not labctl's own, and not allowed"):
        run(loaded, session, made)
    assert not (tmp_path / "runs").exists()
    refused = labctl(tmp_path, "run", "./attack.yaml", "--allow-image", "nginx")
    assert refused.returncode == 2
    assert f"--allow-image {mine}" in refused.stderr
    passed = labctl(
        tmp_path, "run", "./attack.yaml", "--client", "socket", "--allow-image", "docker.io/library/labctl-*"
    )
    assert passed.returncode == 0, passed.stdout + passed.stderr
