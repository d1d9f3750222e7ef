"""What the ratios should be, on two cores: the one place where that stands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A bound for a ratio: at most so much, or at least so much."""

    question: str
    most: float | None = None
    least: float | None = None

    def met_by(self, ratio: float) -> bool:
        """Tell whether a ratio is within the bound."""
        return (self.most is None or ratio <= self.most) and (self.least is None or ratio >= self.least)

    def __str__(self) -> str:
        bounds = (("≤", self.most), ("≥", self.least))
        return " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None) or "-"


TARGETS = {
    "one": Target("a run with one client, beyond the bare Docker calls", most=1.2),
    "all": Target("a run with all clients and all evidence, beyond the bare Docker calls", most=1.45),
    "evidence-one": Target("evidence on against off, one client", most=1.05),
    "evidence-all": Target("evidence on against off, all clients", most=1.05),
    "matrix-one": Target("the matrix at its best -j, one client, beyond the bare Docker calls", most=1.25),
    "matrix-all": Target("the matrix at its best -j, all clients, beyond the bare Docker calls", most=1.6),
    "scale": Target("a run among 300 generated ones, against one among 30", most=1.1),
    "rule-exec": Target("a firewall rule in place, `docker exec` against the agent", least=15),
    "rule-sdk": Target("a firewall rule in place, the SDK's exec against the agent"),
    "rule-container": Target("a firewall rule in place, a helper container against the agent"),
    "testcontainers": Target("a run with testcontainers-python against labctl", least=1.5),
    "shell": Target("a run with a shell script and `docker` against labctl", least=1.4),
    "compose": Target("a run with docker-compose against labctl", least=3.5),
    "help": Target("`labctl --help` against `python -c pass`", most=6),
    "first-call": Target("start to first Docker call against `python -c pass`", most=20),
}
