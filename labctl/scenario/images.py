"""Which images a stack may use: labctl's own, and those that the command line allowed.

A stack may come from anybody, and an image is a program of somebody else's, which runs as it is. So the person who runs
it says which may be used, and not the file.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from labctl.errors import UsageError
from labctl.scenario.load import Loaded


def refused_of(one: Loaded, allowed: Sequence[str]) -> list[str]:
    """Return the images that a scenario's stack uses and may not."""
    others = sorted(one.stack.others_images())
    return [image for image in others if not any(fnmatchcase(image, pattern) for pattern in allowed)]


def demand(chosen: Iterable[Loaded], allowed: Sequence[str]) -> None:
    """See that scenarios use no image but labctl's own and those allowed: names, or patterns as the shell has them.

    A pattern is held against the whole name as the stack writes it. Raises UsageError, which names every other image.
    """
    where = {image: one.stack_file for one in chosen for image in refused_of(one, allowed)}
    if refused := list(where):
        raise UsageError(
            "\n".join(
                f"{where[image]}: the image {image!r} is not labctl's own, and not allowed." for image in refused
            ),
            means="Anybody can write a stack, and labctl runs its images as they are.",
            todo=f"If you trust it: {' '.join(f'--allow-image {shlex.quote(image)}' for image in refused)}",
        )
