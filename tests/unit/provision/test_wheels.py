"""The Python packages for the image: which wheels fit, and what is said where none come."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labctl.errors import HostError
from labctl.provision import wheels
from labctl.provision.wheels import Python
from labctl.system.places import images, installed

REQUIREMENT = re.compile(r"^[a-z0-9-]+==[^ ]+", re.MULTILINE)
WANTED = [file for folder in images().values() for file in folder.glob("requirements.in")]
LOCKS = [installed("compose").parent / "requirements" / "dev.txt", *(file.with_suffix(".txt") for file in WANTED)]


def test_the_answer_of_the_images_python_is_read() -> None:
    assert Python.parse("3 11 2.36 x86_64\n") == Python("3.11", 36, "x86_64")


@pytest.mark.parametrize("printed", ["", "3 11  x86_64", "sh: python3: not found", "3 12 musl x86_64"])
def test_an_image_whose_python_will_not_do_is_refused(printed: str) -> None:
    with pytest.raises(HostError, match=r"image's Python cannot be used") as caught:
        Python.parse(printed)
    assert "LABCTL_BASE" in caught.value.todo


def test_wheels_for_every_older_c_library_fit_too() -> None:
    platforms = Python("3.11", 36, "aarch64").platforms
    assert platforms[0] == "manylinux_2_36_aarch64"
    assert "manylinux_2_17_aarch64" in platforms
    assert "manylinux2014_aarch64" in platforms


def test_what_pip_says_is_quoted_where_it_fails(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(f"requests==2.0 --hash=sha256:{'0' * 64} --no-such-option\n")
    said: list[str] = []
    with pytest.raises(HostError, match="pip could not fetch") as caught:
        wheels.fetch(lock, Python("3.11", 36, "x86_64"), tmp_path / "site", progress=said.append)
    assert "no such option" in caught.value.means
    assert said == ["fetching 1 Python packages for Python 3.11"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.parent.name)
def test_locks_are_hashed_and_hold_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "//" not in text
    assert "--index" not in text
    assert text.count("==") <= text.count("--hash=sha256:")


@pytest.mark.parametrize("wanted", WANTED, ids=lambda wanted: wanted.parent.name)
def test_the_lock_of_an_image_holds_what_is_asked_for(wanted: Path) -> None:
    asked = {line.strip().partition("[")[0] for line in wanted.read_text().splitlines()}
    locked = {found.partition("==")[0] for found in REQUIREMENT.findall(wanted.with_suffix(".txt").read_text())}
    assert {name for name in asked if name and not name.startswith("#")} <= locked
