"""JSON files that labctl writes and people review: records, and what the controls have shown."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from labctl.errors import LabctlError, Mistake, Mistakes
from labctl.language.documents import WORDS, quoted
from labctl.language.yaml import LINK
from labctl.system import files
from labctl.system.places import leads_out

MOST_BYTES = 4 << 20
PLAIN = re.compile(r"[\w-]+", re.ASCII)  # a part of a path in the file that may stand as it is
UNMET = {"missing": "this key is missing.", "extra_forbidden": "this key is not known."}
M = TypeVar("M", bound=pydantic.BaseModel)


def encoded(value: Any) -> bytes:
    """Return a value as such a file has it: every text readable, a line for each value."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def write(file: Path, raw: bytes) -> None:
    """Write a file, at once and as a whole, or not at all; makes the folder.

    Raises NotWritten, and LabctlError where it would be too large to be read again.
    """
    if len(raw) > MOST_BYTES:
        raise LabctlError(f"{file} cannot be written: {len(raw)} bytes are more than are read again ({MOST_BYTES}).")
    files.make_folder(file.parent)
    files.write(file, raw)


def read(file: Path, model: type[M], todo: str) -> M | None:
    """Return what a file holds, or None where there is no file; `todo` says how it is written anew.

    Raises Mistakes with everything that is wrong with it.
    """
    if not file.exists():
        return None
    if file.is_symlink() and leads_out(file, file.parent):
        raise mistakes(file, todo, LINK)
    if not (file.is_file() or file.is_dir()):  # to open a pipe would be to wait for who writes to it
        raise mistakes(file, todo, "this is not a regular file.")
    try:
        with file.open("rb") as opened:
            raw = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise mistakes(file, todo, f"this file cannot be read: {error.strerror}.") from error
    if len(raw) > MOST_BYTES:
        raise mistakes(file, todo, f"this file is larger than {MOST_BYTES >> 20} MiB, and labctl writes none that is.")
    try:
        return model.model_validate(_json(file, raw, todo))
    except pydantic.ValidationError as error:
        raise mistakes(file, todo, *map(_told, error.errors())) from error


def _json(file: Path, raw: bytes, todo: str) -> Any:
    try:
        return json.loads(raw.decode())
    except json.JSONDecodeError as error:
        wrong = f"this is not JSON: {error.msg}."
        raise mistakes(file, todo, wrong, line=error.lineno, column=error.colno) from error
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise mistakes(file, todo, "this is not UTF-8 text.", line=line, column=column) from error
    except (ValueError, RecursionError) as error:  # a number of very many digits, lists within lists
        raise mistakes(file, todo, "this file holds what labctl never writes.") from error


def mistakes(file: Path, todo: str, *wrong: str, line: int = 1, column: int = 1) -> Mistakes:
    """Return what is wrong with a file, each with what to do about it."""
    return Mistakes([Mistake(str(file), line, column, one, todo) for one in wrong])


def _told(error: Any) -> str:
    """Return what pydantic says is wrong, and where in the file."""
    parts = (part if PLAIN.fullmatch(part) else quoted(part) for part in map(str, error["loc"]))
    path = ".".join(parts) or "the whole file"
    message = UNMET.get(error["type"]) or WORDS.get(error["type"])
    if message is None:
        message = error["msg"].removeprefix("Value error, ").rstrip(".") + "."
        message = message[0].lower() + message[1:]
    shown = error["input"]
    if error["type"] not in UNMET and isinstance(shown, str | int | float):
        message = f"{quoted(shown)}: {message}"
    return f"{path}: {message}"
