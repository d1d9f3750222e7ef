"""The packages of this machine: which sources count, what a distribution says of itself."""

from __future__ import annotations

from pathlib import Path

from labctl.provision import debian

LISTING = """\
Debian|http://a/debian/|bookworm|main
Debian|http://a/debian/|bookworm|contrib
Debian|http://a/debian/|bookworm|main
Debian|http://a/security/|bookworm-security|main
Elsewhere|http://b/|stable|main
|http://c/|never-fetched|main
Ubuntu|http://d/|noble|universe
"""


def test_only_debians_and_ubuntus_own_sources_count() -> None:
    assert debian.sources(LISTING) == [
        "deb http://a/debian/ bookworm main contrib",
        "deb http://a/security/ bookworm-security main",
        "deb http://d/ noble universe",
    ]


def test_no_listing_gives_no_source() -> None:
    assert debian.sources("") == []


def test_a_release_file_is_read_with_and_without_quotes(tmp_path: Path) -> None:
    path = tmp_path / "os-release"
    path.write_text("ID=debian\nPRETTY_NAME=\"Debian 12\"\n# a comment\n\nVERSION_CODENAME='bookworm'\n")
    assert debian.release(path) == {"ID": "debian", "PRETTY_NAME": "Debian 12", "VERSION_CODENAME": "bookworm"}
    assert debian.release(tmp_path / "missing") == {}


def test_package_programs_never_ask_and_find_the_tools_of_an_administrator() -> None:
    seen = debian.environment({"PATH": "/bin", "HOME": "/h"})
    assert seen["DEBIAN_FRONTEND"] == "noninteractive"
    assert seen["PATH"].startswith("/bin:")
    assert "/usr/sbin" in seen["PATH"].split(":")
    assert seen["HOME"] == "/h"


def test_the_end_of_an_output_is_what_is_quoted() -> None:
    assert debian.last_lines("1\n2\n3\n", 2) == "2\n3"
