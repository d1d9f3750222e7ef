"""labctl on a full disk, and in folders that cannot be written, as people meet it; its labs need no engine here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.small import APART, FULL, LABCTL, PYTHON, READ_ONLY, as_owner_only, demand_mounts, on_disk, shell
from support.variants import labctl

RUN = f"{LABCTL} run engine-not-running"
ROOM = "16m"
MATRIX = f"{LABCTL} matrix engine-not-running"


@pytest.mark.parametrize("size", ["4k", "12k", "24k", "40k"])
def test_a_disk_that_fills_up_ends_the_run_with_one_message(tmp_path: Path, size: str) -> None:
    """Whether it is full at the first file, at the journal, at what the run was on or at what it came to."""
    done = on_disk(tmp_path / "small", size, RUN)
    told = done.stdout[done.stdout.index("inconclusive engine-not-running") :].splitlines()
    assert done.returncode == 3
    assert told[0].endswith(" cannot be written: No space left on device.")
    assert told[1] == "  The disk is full."
    assert told[2].startswith("  Free some space on that disk. ")
    assert "result.json" not in done.stdout
    assert (done.stderr, done.stdout.count("No space left")) == ("", 1)


def test_a_limit_of_a_files_size_is_told_in_the_same_way(tmp_path: Path) -> None:
    done = shell(["prlimit", "--fsize=8192", "sh", "-c", f"{RUN} -q"], tmp_path)
    assert done.returncode == 3
    assert done.stdout.endswith(" cannot be written: File too large.\n")
    assert done.stderr == ""


def test_every_whole_line_of_the_journal_stays(tmp_path: Path) -> None:
    """And there is no result.json, since the run says nothing."""
    done = on_disk(tmp_path / "small", "24k", f"{RUN} -q; cat .labctl/runs/*/journal.jsonl; ls .labctl/runs/*")
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert "starting engine" in json.loads(lines[0])["text"]
    assert all(json.loads(line) for line in lines)
    assert "result.json" not in done.stdout


def test_a_matrix_begins_nothing_more(tmp_path: Path) -> None:
    done = on_disk(
        tmp_path / "small",
        "30k",
        f"{MATRIX} --repeat 12 -j 2 --junit {tmp_path}/r.xml; code=$?; ls .labctl/runs; exit $code",
    )
    assert done.returncode == 3
    assert "not run       engine-not-running" in done.stdout
    ran = [line for line in done.stdout.splitlines() if line.startswith("202")]
    assert 1 <= len(ran) <= 4
    assert done.stderr == ""
    junit = (tmp_path / "r.xml").read_text()
    assert f'errors="{len(ran)}"' in junit
    assert 'tests="12"' in junit


def test_what_was_seen_on_a_full_disk_is_neither_recorded_nor_shown_by_controls(tmp_path: Path) -> None:
    new = "; ".join(f"{LABCTL} new {name} --from engine-not-running > /dev/null" for name in ("a", "b"))
    both = f"{LABCTL} record a b; rm -r .labctl; {LABCTL} controls a b"
    done = on_disk(tmp_path / "small", "60k", f"{new}; head -c 24k /dev/zero > filler; {both}; echo $?; ls scenarios")
    assert "scenarios/records/b.json is left as it is: " in done.stdout
    assert "a without its fault: inconclusive, .labctl/controls/" in done.stdout
    assert "not reproduced" not in done.stdout
    assert done.stdout.endswith("\n3\na.yaml\nb.yaml\n")
    assert done.stderr == ""


def test_a_report_that_cannot_be_written_is_told_before_anything_runs(tmp_path: Path) -> None:
    done = on_disk(tmp_path / "small", "64k", f"{FULL} {MATRIX} --junit r.xml; code=$?; ls -A; exit $code")
    assert (done.returncode, done.stdout) == (3, "filler\n")
    assert done.stderr.startswith("labctl: r.xml cannot be written: No space left on device.\nThe disk is full.\n")
    assert "Or give --junit another file." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        ("new mine", "scenarios"),
        ("new mine --path .", "mine.yaml"),
        ("bundle last", "engine-not-running.labctl.tar.gz"),
        ("catalogue --write", "scenarios/CATALOGUE.md"),
        ("controls mine --write", "scenarios/controls.json"),
        ("matrix --junit r.xml", "r.xml"),
        ("run mine > out.txt", ""),
    ],
)
def test_whatever_is_written_says_that_the_disk_is_read_only_or_full(tmp_path: Path, arguments: str, file: str) -> None:
    begin = f"{RUN} -q > {tmp_path}/said && {LABCTL} new mine --from engine-not-running > {tmp_path}/said"
    if arguments == "new mine":
        begin += "; rm -r scenarios"
    means, end = ("file system", READ_ONLY) if file else ("disk is full", "touch out.txt;" + FULL)
    done = on_disk(
        tmp_path / "small", ROOM, f"{begin}; {end} {LABCTL} {arguments}", LABCTL_STATE=str(tmp_path / "state")
    )
    [first, second, third] = done.stderr.splitlines()
    assert done.returncode == 3
    assert first.startswith("labctl: ")
    assert f"{file or 'what labctl prints'} cannot be written: " in first
    assert means in second
    assert third


def test_runs_in_a_read_only_folder_are_kept_in_the_state_folder_and_found_there(tmp_path: Path) -> None:
    state = tmp_path / "state"
    bundled = f"{LABCTL} bundle last -o {tmp_path}/x.tar.gz"
    done = on_disk(tmp_path / "small", ROOM, f"{READ_ONLY} {RUN} -q && {MATRIX} && {bundled}", LABCTL_STATE=str(state))
    assert done.returncode == 0, done.stderr
    [_, newest] = sorted((state / "runs").iterdir())
    assert json.loads((newest / "result.json").read_text())["verdict"] == "passed"
    said = f"labctl: .labctl/runs cannot be written here, so the runs are kept in {state / 'runs'}"
    assert done.stderr.splitlines() == [said, said]  # once in each of both processes
    assert labctl(tmp_path, "bundle", "verify", "x.tar.gz").returncode == 0


def test_runs_in_a_folder_of_somebody_elses_are_kept_in_the_state_folder(tmp_path: Path) -> None:
    folder, state = tmp_path / "theirs", tmp_path / "state"
    folder.mkdir(mode=0o555)
    done = shell([*as_owner_only(), "sh", "-c", RUN], folder, LABCTL_STATE=str(state))
    assert done.returncode == 0, done.stdout
    [run] = (state / "runs").iterdir()
    assert f"all of it: {run}/result.json" in done.stdout
    refused = shell([*as_owner_only(), "sh", "-c", f"{LABCTL} bundle last"], folder, LABCTL_STATE=str(state))
    assert refused.returncode == 3
    assert "cannot be written: Permission denied.\nYou may not write there.\n" in refused.stderr
    neither = shell([*as_owner_only(), "sh", "-c", f"{RUN} -q"], folder, LABCTL_STATE=str(folder / "state"))
    assert neither.returncode == 3
    assert neither.stdout.endswith(" cannot be written: Permission denied.\n")


def test_what_is_printed_into_a_full_disk_ends_labctl_with_one_message(tmp_path: Path) -> None:
    for arguments in ("list", "run engine-not-running --json"):
        done = shell(["sh", "-c", f"{LABCTL} {arguments} > /dev/full"], tmp_path)
        assert done.returncode == 3
        assert done.stderr.startswith("labctl: what labctl prints cannot be written: No space left on device.\n")
        assert "Traceback" not in done.stderr


def test_a_full_standard_error_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / ".labctl").touch()
    done = shell(["sh", "-c", f"{RUN} -q 2> /dev/full"], tmp_path, LABCTL_STATE=str(tmp_path / "state"))
    assert (done.returncode, done.stdout[:6]) == (0, "passed")


def test_in_pytest_the_first_says_so_and_the_others_are_skipped(tmp_path: Path) -> None:
    new = "; ".join(f"{LABCTL} new {name} --from engine-not-running > /dev/null" for name in ("a", "b", "c"))
    tests = f"{PYTHON} -m pytest -p no:cacheprovider -rs scenarios"
    done = on_disk(tmp_path / "small", "100k", f"{new}; {FULL} {tests}")
    assert "2 skipped, 1 error" in done.stdout
    assert "inconclusive a in" in done.stdout
    assert done.stdout.count("not run: .labctl/runs/") == 2
    assert "Traceback" not in done.stdout + done.stderr


def test_a_lab_that_finds_no_place_for_its_folder_says_so(tmp_path: Path) -> None:
    demand_mounts()
    script = f"mount -t tmpfs -o ro labctl-tests /tmp && mount -t tmpfs labctl-tests /mnt && cd /mnt && {RUN}"
    done = shell([*APART, "sh", "-c", script], tmp_path)
    assert done.returncode == 3
    assert "s: /tmp cannot be written: Read-only file system.\n" in done.stdout
    assert "The hosts of this lab share a folder there." in done.stdout
    assert done.stderr == ""


def test_runs_of_somebody_else_that_cannot_even_be_read_are_passed_over(tmp_path: Path) -> None:
    theirs, state = tmp_path / ".labctl", tmp_path / "state"
    (theirs / "runs" / "20260101-000000-1-engine-not-running").mkdir(parents=True)
    theirs.chmod(0)
    script = f"{MATRIX} && {LABCTL} bundle engine-not-running && {LABCTL} bundle {theirs}/runs/x"
    done = shell([*as_owner_only("-dac_read_search"), "sh", "-c", script], tmp_path, LABCTL_STATE=str(state))
    theirs.chmod(0o755)
    assert done.returncode == 2, done.stderr
    assert done.stderr.endswith(f"labctl: {theirs}/runs/x cannot be read: Permission denied.\n")
    assert [one.name for one in tmp_path.glob("*.tar.gz")] == [
        f"{one.name}.labctl.tar.gz" for one in (state / "runs").iterdir()
    ]
