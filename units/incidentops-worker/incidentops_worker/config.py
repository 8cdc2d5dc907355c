"""The worker's settings: defaults, /etc/incidentops/worker.yaml, then INCIDENTOPS_WORKER_* variables.

All mistakes are reported together, each with where it stands and the path of its key.
"""

import dataclasses
import ipaddress
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

DEFAULT_PATH = Path("/etc/incidentops/worker.yaml")
CREDENTIAL = "incidentops.rabbitmq"
_ENVIRONMENT_PREFIX = "INCIDENTOPS_WORKER_"

Check = Callable[[object], Any]


class ConfigError(Exception):
    """The settings cannot be used; `problems` has one sentence for each mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _number(low: float, high: float) -> Check:
    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"must be a number from {low:g} to {high:g}, not {value!r}")
        return float(value)

    return check


def _whole(low: int, high: int) -> Check:
    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, not {value!r}")
        return value

    return check


def _text(*starts: str) -> Check:
    def check(value: object) -> str:
        if not isinstance(value, str) or not value:
            raise ValueError(f"must be a text, not {value!r}")
        if starts and not value.startswith(starts):
            raise ValueError(f"must begin with {' or '.join(starts)}")
        return value

    return check


def _loopback(value: object) -> tuple[str, int]:
    """`address:port` of this machine only: the numbers are for a scraper here, and nobody is asked who they are."""
    host, _, port = str(value).rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        good = ipaddress.ip_address(host).is_loopback and 0 < int(port) < 65536
    except ValueError:
        good = False
    if not good:
        raise ValueError(f"must be a loopback address and a port, such as 127.0.0.1:8001, not {value!r}")
    return host, int(port)


def _setting(key: str, default: Any, check: Check) -> Any:
    return dataclasses.field(default=default, metadata={"key": key, "check": check})


@dataclasses.dataclass(frozen=True, slots=True)
class Config:
    """Every setting; times are seconds."""

    postgres_dsn: str = _setting(
        "postgres.dsn", "host=/var/run/postgresql dbname=incidentops user=incidentops-worker", _text()
    )
    postgres_timeout: float = _setting("postgres.timeout", 5.0, _number(2, 60))
    postgres_keep_days: int = _setting("postgres.keep_days", 7, _whole(0, 3650))
    redis_url: str = _setting("redis.url", "redis://127.0.0.1:6379/0", _text("redis://", "unix://"))
    redis_timeout: float = _setting("redis.timeout", 0.5, _number(0.05, 10))
    redis_ttl: int = _setting("redis.ttl", 60, _whole(1, 86_400))
    rabbitmq_credential: str = _setting("rabbitmq.credential", "", _text("/"))
    rabbitmq_prefetch: int = _setting("rabbitmq.prefetch", 20, _whole(1, 1_000))
    metrics_listen: tuple[str, int] = _setting("metrics.listen", ("127.0.0.1", 8001), _loopback)
    trickle_rate: float = _setting("trickle.rate", 2.0, _number(0, 200))
    stop_timeout: float = _setting("stop.timeout", 10.0, _number(1, 60))


_FIELDS = {field.metadata["key"]: field for field in dataclasses.fields(Config)}


def load(path: Path, environment: Mapping[str, str], required: bool = False) -> Config:
    """The settings of a file and of the environment, which wins. Raises ConfigError.

    A missing file means the defaults, unless `required`.
    """
    problems: list[str] = []
    values: dict[str, Any] = {}
    for where, key, value in (*_from_file(path, required, problems), *_from_environment(environment)):
        field = _FIELDS.get(key)
        if field is None:
            problems.append(f"{where}: {key}: unknown key")
            continue
        try:
            values[field.name] = field.metadata["check"](value)
        except ValueError as error:
            problems.append(f"{where}: {key}: {error}")
    if problems:
        raise ConfigError(problems)
    return Config(**values)


def broker_url(config: Config, environment: Mapping[str, str]) -> str:
    """The AMQP URL with its password: from a file only, for command lines and unit settings are public.

    Raises ConfigError.
    """
    directory = environment.get("CREDENTIALS_DIRECTORY")
    if not config.rabbitmq_credential and not directory:
        raise ConfigError([f"no RabbitMQ URL: neither the systemd credential {CREDENTIAL} nor rabbitmq.credential"])
    path = Path(config.rabbitmq_credential or f"{directory}/{CREDENTIAL}")
    try:
        url = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ConfigError([f"{path}: cannot read the RabbitMQ credential: {reason}"]) from None
    if not url.startswith("amqp://") or len(url.split()) != 1:
        raise ConfigError([f"{path}: the RabbitMQ credential must be one line that begins with amqp://"])
    return url


def _from_file(path: Path, required: bool, problems: list[str]) -> list[tuple[str, str, object]]:
    try:
        text = path.read_text()
    except FileNotFoundError:
        if required:
            problems.append(f"{path}: no such file")
        return []
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{path}: cannot read: {error}")
        return []
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        problems.append(f"{path}: not YAML: {' '.join(str(error).split())}")
        return []
    return list(_settings(path, root, problems)) if root is not None else []


def _settings(path: Path, root: yaml.Node, problems: list[str]) -> Iterator[tuple[str, str, object]]:
    """(where, key path, value) of each setting; composed nodes are walked because loaded ones have lost their line."""
    seen: set[str] = set()
    for section, settings in _members(path, root, "", problems):
        for name, node in _members(path, settings, f"{section}.", problems):
            where = f"{path}:{node.start_mark.line + 1}"
            key = f"{section}.{name}"
            if not isinstance(node, yaml.ScalarNode):
                problems.append(f"{where}: {key}: must be a single value")
            elif key in seen:
                problems.append(f"{where}: {key}: given twice")
            else:
                seen.add(key)
                try:
                    yield where, key, yaml.SafeLoader("").construct_object(node)  # type: ignore[no-untyped-call]
                except (yaml.YAMLError, ValueError):
                    problems.append(f"{where}: {key}: cannot be read as a {node.tag.rpartition(':')[2]}")


def _members(path: Path, node: yaml.Node, prefix: str, problems: list[str]) -> list[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        return [(str(key.value), value) for key, value in node.value]
    if node.tag == "tag:yaml.org,2002:null":  # everything in it is commented out
        return []
    name = prefix.removesuffix(".") or "the file"
    problems.append(f"{path}:{node.start_mark.line + 1}: {name}: must be a mapping")
    return []


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, str, object]]:
    """`INCIDENTOPS_WORKER_TRICKLE_RATE` is `trickle.rate`; a number is read as YAML would read it."""
    for name in sorted(environment):
        if name.startswith(_ENVIRONMENT_PREFIX):
            key = name.removeprefix(_ENVIRONMENT_PREFIX).lower().replace("_", ".", 1)
            field = _FIELDS.get(key)
            text: object = environment[name]
            if field is not None and isinstance(field.default, int | float):
                text = _as_number(environment[name])
            yield f"${name}", key, text


def _as_number(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
