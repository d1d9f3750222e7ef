"""What a diagnosis step asks, and what it is judged by, in words."""

from __future__ import annotations

from labctl.language.fields import typed
from labctl.scenario.model import DiagnosisStep


def criteria(step: DiagnosisStep) -> str:
    """Return what a diagnosis step is judged by, in the words of the scenario."""
    asked = (("shows", step.shows), ("lacks", step.lacks), ("exits", step.exits))
    return ", ".join(f"{name} {value}" for name, value in asked if value is not None)


def question(step: DiagnosisStep, client: str) -> str:
    """Return what a diagnosis step asks of whom; `client` is the host where a step is taken that names none."""
    if step.reads is not None:
        asked = "the {} of {}".format(*step.reads)
    else:
        asked = f"on {step.host or client}: {typed(step.run or '')}"
    return asked + (f"   # {criteria(step)}" if step.judges else "")
