"""Writing files: whole or not at all, and one error for what the system refuses."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from labctl.errors import NotWritten, UsageError
from labctl.system import files
from labctl.system.lock import alone
from support.small import shell

LIMIT = 4096  # bytes, see `ulimit -f`
GROWS = """
import sys
from pathlib import Path
from labctl.system import files
from labctl.errors import NotWritten
file = Path("grows")
for number in range(100):
    try:
        files.append(file, b"x" * 99 + b"\\n")
    except NotWritten as error:
        sys.exit(f"{number} {error}")
"""
LIMITED = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({LIMIT}, {LIMIT}))
exec(sys.argv[1])
"""


@pytest.mark.parametrize("number", [*files.MEANS, errno.ENAMETOOLONG, 0])
def test_every_refusal_says_which_file_and_what_to_do(number: int) -> None:
    error = files.refused(Path("a", "b"), OSError(number, os.strerror(number)), "Or else.")
    assert error.exit_code == 3
    assert error.what == f"a/b cannot be written: {os.strerror(number)}."
    assert error.todo.endswith(" Or else.")
    assert error.errno == number
    assert error.means or number not in files.MEANS


def test_a_full_disk_is_named() -> None:
    with pytest.raises(NotWritten) as caught:
        files.append(Path("/dev/full"), b"x")
    assert str(caught.value).splitlines() == [
        "/dev/full cannot be written: No space left on device.",
        "The disk is full.",
        "Free some space on that disk.",
    ]


def test_a_piece_that_does_not_fit_is_not_there_in_part(tmp_path: Path) -> None:
    """The limit of a file's size is met in the middle of the 41st piece: write(2) takes its beginning, then refuses."""
    done = shell([sys.executable, "-c", LIMITED, GROWS], tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("40 grows cannot be written: File too large.\n")
    assert (tmp_path / "grows").read_text() == ("x" * 99 + "\n") * 40


def test_a_file_that_cannot_be_replaced_stays_whole(tmp_path: Path) -> None:
    file = tmp_path / "a"
    files.write(file, b"before")
    (tmp_path / "b").mkdir()
    with pytest.raises(NotWritten, match="Is a directory"):
        files.write(tmp_path / "b", b"after")
    with pytest.raises(NotWritten, match="File name too long"):
        files.write(tmp_path / ("c" * 250), b"after")
    files.write(file, b"after")
    assert file.read_bytes() == b"after"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "b"]


def test_a_file_that_is_there_is_not_created_again(tmp_path: Path) -> None:
    files.create(tmp_path / "a", b"mine")
    with pytest.raises(FileExistsError):
        files.create(tmp_path / "a", b"other")
    assert (tmp_path / "a").read_bytes() == b"mine"
    with pytest.raises(NotWritten, match="No such file"):
        files.create(tmp_path / "none" / "a", b"mine")


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NotWritten) as caught:
            files.make_folder(folder)
        assert caught.value.means == files.BLOCKED
    with (
        pytest.raises(NotWritten, match="names another folder"),
        alone(tmp_path / "file" / "lock", waiting=lambda: None),
    ):
        pass


def test_what_the_user_named_wrongly_is_their_mistake_and_a_full_disk_is_not() -> None:
    with pytest.raises(UsageError, match="No such file or directory"), files.named_by_user():
        files.write(Path("/none/such"), b"")
    with pytest.raises(NotWritten, match="No space left"), files.named_by_user():
        files.append(Path("/dev/full"), b"x")


def test_room_is_looked_for_without_touching_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "r.xml").write_text("dear")
    files.demand_room(tmp_path / "r.xml", "--junit")
    assert (tmp_path / "r.xml").read_text() == "dear"
    assert [one.name for one in tmp_path.iterdir()] == ["r.xml"]
    with pytest.raises(UsageError, match="there is no folder"):
        files.demand_room(tmp_path / "none" / "r.xml", "--junit")
    with pytest.raises(UsageError, match="--junit needs the name"):
        files.demand_room(Path(), "--junit")


def test_a_program_that_ran_out_of_room_is_understood() -> None:
    assert files.ran_out("E: write error (28: No space left on device)", files.TEMPORARY).endswith(files.TEMPORARY)
    assert files.ran_out("E: no such package") == ""


def test_where_no_temporary_file_can_be_made_that_is_said(tmp_path: Path) -> None:
    program = "from labctl.system import files\nwith files.scratch_folder('x'): pass"
    (tmp_path / "file").touch()
    nowhere = "import tempfile; tempfile.tempdir = 'file/below'\n"
    done = shell([sys.executable, "-c", nowhere + program], tmp_path)
    assert "NotWritten: the folder for temporary files cannot be written: Not a directory." in done.stderr
    assert "TMPDIR names another folder" in done.stderr
