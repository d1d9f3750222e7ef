"""One service of a stack, as Compose writes it: what the host of the same name runs."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, Self

import pydantic
from pydantic import AfterValidator, BeforeValidator, Field

from labctl.language.fields import Command, Environment, Name, Sysctls, Written, address, one_of
from labctl.stack import merge
from labctl.stack.ports import Ports
from labctl.stack.readiness import Dependency, HealthCheck, by_name
from labctl.system.places import OWN_IMAGE, images, with_agent

IMAGE = re.compile(r"[a-z0-9][a-z0-9._/:-]*(:[A-Za-z0-9_][\w.-]*)?(@sha256:[0-9a-f]{64})?", re.ASCII)
LONGEST_IMAGE = 255  # characters of its name
LONGEST_PATH = 255
MOST_FILES = 1 << 20  # fs.nr_open, see proc(5)
OF_THE_KERNEL = ("proc", "sys", "dev")
HOST, NONE = "host", "none"  # modes of a network: the machine's own, or no network at all
DEFAULT = "default"  # the network of those that name none
Few = pydantic.Field(max_length=32)


def _image(name: str) -> str:
    if name == OWN_IMAGE or name.startswith(f"{OWN_IMAGE}-"):
        return one_of("image of labctl's", name, images())
    if len(name) > LONGEST_IMAGE or not IMAGE.fullmatch(name):
        raise ValueError("is not the name of an image; write one such as registry/name:tag, in lower case")
    return name


def _tools(name: str) -> str:
    """Take labctl's own images only: what runs in a sandbox has NET_ADMIN."""
    return one_of("image with labctl's agent", name, with_agent())


def _bytes(value: Any) -> int:
    units = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
    text = str(value).strip().lower().removesuffix("b") or "?"
    number, unit = (text[:-1], text[-1]) if text[-1] in units else (text, "b")
    if not re.fullmatch(r"\d{1,12}", number, re.ASCII):
        raise ValueError("is not a size; write a number and k, m or g, such as 64m")
    size = int(number) * units[unit]
    if not 8 << 20 <= size <= 4 << 30:
        raise ValueError("is outside of 8m to 4g")
    return size


def _limit(value: Any) -> Any:
    return {"soft": value, "hard": value} if isinstance(value, int) else value


def _host_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}", name):
        raise ValueError("is not the name of a host")
    return name


def _user(name: str) -> str:
    if not re.fullmatch(r"\w[\w.-]{0,31}(:\w[\w.-]{0,31})?", name, re.ASCII):
        raise ValueError("is not a user; write one such as 1000, nobody or 1000:1000")
    return name


def _mode(mode: str) -> str:
    """Take `host` and `none`, of which a stack sees that none but labctl's own programs has it."""
    if mode not in (HOST, NONE):
        raise ValueError("is refused: every service gets a host of its own on the lab's network")
    return mode


def _inside(path: str) -> str:
    """Take a path of the container's own: an engine reads options behind a colon, and the kernel's are no files."""
    parts = path.split("/")
    if len(path) > LONGEST_PATH or parts[0] or not any(parts) or {".", ".."} & {*parts} or re.search("[:,\n]", path):
        raise ValueError(
            "is not a path inside a container; write one such as /var/lib/app, without `..`, colons and options"
        )
    if next(filter(None, parts)) in OF_THE_KERNEL:
        raise ValueError("belongs to the kernel; no files can be put there")
    return "/" + "/".join(filter(None, parts))


def _networks(value: Any) -> Any:
    """Read the networks by name; who lists none is on the default one, as in Compose."""
    return {DEFAULT: {}} if value in ([], {}) else by_name(value)


def _configs(value: Any) -> dict[str, str]:
    """Read `- name` and `- {source, target}` as the name of what is there, by the path inside."""
    entries: list[Any] = [None]
    if isinstance(value, list):
        entries = [{"source": one} if isinstance(one, str) else one for one in value]
    if not all(isinstance(one, dict) and set(one) in ({"source"}, {"source", "target"}) for one in entries) or not all(
        isinstance(text, str) for one in entries for text in one.values()
    ):
        raise ValueError("is a list of names, or of `source` and `target`")
    return {one.get("target", f"/{one['source']}"): one["source"] for one in entries}


def _volumes(value: Any) -> Any:
    """Read `- name:/path` and `- {type: volume, source, target}` as the name, by the path inside."""
    if not isinstance(value, list):
        raise ValueError("is a list of volumes, as in data:/var/lib/data")  # noqa: TRY004 - pydantic's own kind
    entries = [_short(one) for one in value]
    for one in entries:
        if not isinstance(one, str) or not re.fullmatch(r"[a-z][a-z0-9_-]*:/[^:]*", one):
            raise ValueError(f"only named volumes may be mounted, as in data:/var/lib/data; {one!r} is none")
    return {path: name for name, path in (one.split(":", 1) for one in entries)}


def _short(volume: Any) -> Any:
    """Write a named volume without options in Compose's short form."""
    if isinstance(volume, dict) and volume.keys() == {"type", "source", "target"} and volume["type"] == "volume":
        return f"{volume['source']}:{volume['target']}"
    return volume


def _variables(value: Any) -> Any:
    """Read Compose's list form; `- KEY` alone would be filled from the environment, and is refused."""
    mapping = merge.as_mapping(value)
    if not isinstance(mapping, dict) or None in mapping.values():
        raise ValueError("is a mapping of names to values, or a list of KEY=value: a lab uses no value from outside")
    return mapping


def _once(items: tuple[Any, ...]) -> tuple[Any, ...]:
    """Take each item once, as Compose does."""
    return tuple(dict.fromkeys(items))


Variables = Annotated[Environment, BeforeValidator(_variables)]
Address = Annotated[str, AfterValidator(address)]
Addresses = Annotated[tuple[Address, ...], Field(min_length=1), Few, AfterValidator(_once)]
Inside = Annotated[str, AfterValidator(_inside)]  # an absolute path in a container
HostName = Annotated[str, AfterValidator(_host_name)]
Size = Annotated[int, BeforeValidator(_bytes)]


class Ulimit(Written):
    """A resource limit (getrlimit(2))."""

    soft: int = Field(ge=0, le=MOST_FILES)
    hard: int = Field(ge=0, le=MOST_FILES)

    @pydantic.model_validator(mode="after")
    def _soft_is_less(self) -> Self:
        if self.soft > self.hard:
            raise ValueError("the soft limit is above the hard one")
        return self


class Attachment(Written):
    """A service's place on a network."""

    aliases: Annotated[tuple[Name, ...], AfterValidator(_once)] = ()


class Beyond(Written):
    """What Compose has no word for."""

    routes: dict[Name, Name] = Field(default_factory=dict)  # a host, and the one by way of which it is reached
    tools: Annotated[str, AfterValidator(_tools)] | None = None  # the image of the sandbox, where it is another


class Service(Written):
    """One service: the pod that runs it is the host of the same name."""

    image: Annotated[str, AfterValidator(_image)]
    command: Command | None = None
    entrypoint: Command | None = None
    environment: Variables = Field(default_factory=dict)
    user: Annotated[str, AfterValidator(_user)] | None = None
    networks: Annotated[dict[Name, Attachment], BeforeValidator(_networks)] = Field(
        default_factory=lambda: {DEFAULT: Attachment()}
    )
    network_mode: Annotated[str, AfterValidator(_mode)] | None = None
    ports: Annotated[Ports, Few, AfterValidator(_once)] = ()
    depends_on: Annotated[dict[Name, Dependency], BeforeValidator(by_name)] = Field(default_factory=dict)
    healthcheck: HealthCheck | None = None
    configs: Annotated[dict[Inside, Name], Few, BeforeValidator(_configs)] = Field(default_factory=dict)
    volumes: Annotated[dict[Inside, Name], Few, BeforeValidator(_volumes)] = Field(default_factory=dict)
    tmpfs: Annotated[tuple[Inside, ...], Few, BeforeValidator(merge.as_list), AfterValidator(_once)] = ()
    sysctls: Annotated[Sysctls, BeforeValidator(merge.as_mapping)] = Field(default_factory=dict)
    ulimits: dict[Literal["nofile", "nproc"], Annotated[Ulimit, BeforeValidator(_limit)]] = Field(default_factory=dict)
    mem_limit: Size | None = None
    extra_hosts: Annotated[dict[HostName, Addresses], Few, BeforeValidator(merge.as_hosts)] = Field(
        default_factory=dict
    )
    beyond: Beyond = Field(default_factory=Beyond, alias="x-labctl")

    @property
    def uses(self) -> dict[str, Collection[str]]:
        """What it names of its stack, by the key that names it."""
        return {
            "networks": self.networks,
            "depends_on": self.depends_on,
            "configs": dict.fromkeys(self.configs.values()),
            "volumes": dict.fromkeys(self.volumes.values()),
        }

    @property
    def network(self) -> str:
        """The network that it begins on."""
        return next(iter(self.networks))

    @property
    def tools(self) -> str:
        """The image of the sandbox."""
        return self.beyond.tools or OWN_IMAGE

    @property
    def on_the_machine(self) -> bool:
        """Whether it runs on the machine itself, with its network or with none: it has no host of its own."""
        return self.network_mode is not None

    @property
    def bare(self) -> bool:
        """Whether it is no container, but a process of labctl's own, on no network."""
        return self.network_mode == NONE

    def changed(
        self, environment: Mapping[str, str], command: Command | None = None, ports: Ports | None = None
    ) -> Self:
        """Return these settings with others merged onto them, as a recreate has it."""
        changes: dict[str, Any] = {"environment": {**self.environment, **environment}}
        changes |= {} if command is None else {"command": command}
        changes |= {} if ports is None else {"ports": ports}
        return self.model_copy(update=changes)

    @property
    def runs_clients(self) -> bool:
        """Whether this service is labctl's own client program, ready for tries."""
        return self.command in ("clients", ["clients"]) and self.image in with_agent()
