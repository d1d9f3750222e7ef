"""What can be done to a lab. Faults, triggers and fixes are lists of actions, one family a file.

An action says what it will do and how to see that it took hold; it performs nothing itself. Its class is its catalogue
entry: the docstring explains it, the fields are its YAML keys, the class keyword is its name. Another package adds its
own through the entry-point group `labctl.actions`, naming a module that defines such classes.

The docstring of `labctl.actions.action` says what every action has; what it consists of is in `labctl.actions.step` and
`labctl.actions.verbs`.
"""

from labctl.actions.action import Action, Proof, RuleCounter, Until, registry
from labctl.actions.families import broken_plugins, discover, key_of, plan
from labctl.actions.step import DEVICE, Ask, Configure, Step, shell, tool
from labctl.actions.verbs import Verb

__all__ = (
    "DEVICE",
    "Action",
    "Ask",
    "Configure",
    "Proof",
    "RuleCounter",
    "Step",
    "Until",
    "Verb",
    "broken_plugins",
    "discover",
    "key_of",
    "plan",
    "registry",
    "shell",
    "tool",
)
