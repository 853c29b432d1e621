"""YAML + WATCHDOG_* environment -> frozen objects. What is unknown or wrong is refused in one sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from watchdog.core.address import is_host, is_http_url
from watchdog.core.ruleset import RuleSet
from watchdog.daemon import Plan
from watchdog.outlets import Outlet
from watchdog.paging import NotTruth, Paging, planned, within_budget
from watchdog.plugins import plugins
from watchdog.refusal import ConfigError, kind_of, one_line, sentence, shown
from watchdog.rules import load as rule_files
from watchdog.sources import Source

PREFIX = "WATCHDOG_"
NOT_SETTINGS = ("WATCHDOG_TEST_",)
LIMIT = 1 << 20
"""Bytes of a configuration file."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Platform(_Section):
    """What is guarded. ``cluster`` and ``environment`` become labels of every alert."""

    cluster: str = ""
    environment: str = ""


class Server(_Section):
    host: str = "127.0.0.1"
    port: Annotated[int, NotTruth, Field(ge=0, le=65535)] = 8080

    @field_validator("host")
    @classmethod
    def _is_host(cls, host: str) -> str:
        if not is_host(host):
            raise ValueError("expected an address to listen at, such as 0.0.0.0")
        return host


class Runbooks(_Section):
    """Paths in the guarded platform's repository, and where that repository is read (domain.md §8)."""

    base_url: str = ""
    paths: tuple[str, ...] = ()

    @field_validator("base_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        if url and not is_http_url(url):
            raise ValueError("expected an http(s) URL")
        return url


class Settings(BaseSettings):
    """The whole configuration. ``WATCHDOG_SERVER__PORT=9090`` overrides ``server.port``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, validate_default=False
    )

    platform: Platform = Platform()
    server: Server = Server()
    runbooks: Runbooks = Runbooks()
    rules: tuple[str, ...] = ()
    sources: tuple[dict[str, Any], ...] = ()
    outlets: tuple[dict[str, Any], ...] = ()
    paging: Paging = Paging()
    drain_seconds: Annotated[float, NotTruth, Field(ge=0, le=25)] = 10.0

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment beats the file."""
        return env_settings, init_settings


@dataclass(frozen=True, slots=True)
class Configuration:
    settings: Settings
    plan: Plan
    late: str = ""  # why a page may be late, where that is allowed

    @property
    def labels(self) -> Mapping[str, str]:
        pairs = {"cluster": self.settings.platform.cluster, "environment": self.settings.platform.environment}
        return {name: value for name, value in pairs.items() if value}


def load(path: Path) -> Configuration:
    """The configuration in ``path``, the environment on top. Raises ``ConfigError``."""
    return build(path, document(path))


def build(path: Path, content: dict[str, Any]) -> Configuration:
    """The configuration of a document; ``path`` is what errors name and what rule files are relative to."""
    _refuse_nonsense(path, content)
    settings = _settings(path, content)
    _refuse_nonsense(path, {"sources": list(settings.sources), "outlets": list(settings.outlets)})
    rules = _rules(path, settings)
    shared = {"runbook_base_url": settings.runbooks.base_url}
    sources = tuple(plugins(path, "sources", settings.sources, Source, shared))  # type: ignore[type-abstract]
    outlets = tuple(plugins(path, "outlets", settings.outlets, Outlet, shared))  # type: ignore[type-abstract]
    if not sources:
        raise ConfigError(f"{path}: sources: expected at least one source to look at, found none")
    _refuse_contradictions(path, sources)
    _refuse_namesakes(path, outlets)
    _refuse_places(path, outlets)
    paging = planned(path, settings.paging, outlets)
    late = within_budget(path, settings.paging, sources, outlets)
    return Configuration(settings, Plan(sources, outlets, rules, settings.drain_seconds, paging), late)


NAMED = ("clock", "endpoint", "heartbeat", "metric", "replicas", "self_report", "service")
"""Kinds of fact whose sources name each part of theirs after the one subject that it looks at."""


def _refuse_contradictions(path: Path, sources: Iterable[Source]) -> None:
    """Two sources that tell of one subject would overrule each other for ever."""
    told: dict[tuple[str, str], str] = {}
    for source in sources:
        for part, stream in source.streams().items():
            for kind in sorted(stream.coverage.provides & set(NAMED)):
                other = told.setdefault((kind, part), source.name)
                if other != source.name:
                    raise ConfigError(
                        f"{path}: sources: expected one that looks at {kind} {part!r}, found {other} and {source.name}"
                    )


def _refuse_namesakes(path: Path, outlets: Iterable[Outlet]) -> None:
    """Each receiver is an outlet of its own, and is named by escalation, receipts and metrics."""
    names = ["log", *(part.name for outlet in outlets for part in outlet.parts())]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"{path}: outlets: expected a name of its own for each receiver, found {twice!r} twice")


def _refuse_places(path: Path, outlets: Iterable[Outlet]) -> None:
    """Where an outlet writes: where nothing is yet, or what it wrote before; and nobody else."""
    taken = dict[str, str]()
    for outlet in (outlet for outlet in outlets if outlet.keeps):
        place = Path(getattr(outlet, "path"))  # noqa: B009
        if (other := taken.setdefault(os.path.normpath(place), outlet.name)) != outlet.name:
            raise ConfigError(f"{path}: outlets ({outlet.name}): path: expected one of its own, found that of {other}")
        if place.is_dir() if outlet.keeps == "file" else place.exists() and not place.is_dir():
            wrong = "a folder" if outlet.keeps == "file" else "a file"
            raise ConfigError(
                f"{path}: outlets ({outlet.name}): path: expected a {outlet.keeps}, found {wrong} at {place}"
            )


def runbooks_of(path: Path) -> frozenset[str]:
    """The runbooks that a configuration lists. Raises ``ConfigError``."""
    return frozenset(_settings(path, document(path)).runbooks.paths)


# The file


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice: the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set[str]()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != TEXT:
                found = f"{key.value!r}, which is none" if isinstance(key, yaml.ScalarNode) else "a list or a mapping"
                raise _malformed(f"expected a text as a key (quote it), found {found}", key)
            if key.value in seen:
                raise _malformed(f"the key {key.value!r} stands twice", key)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if not node.tag.startswith(TAGS):
            raise _malformed(f"expected no tag, found {node.tag.removeprefix('tag:yaml.org,2002:')!r}", node)
        try:
            return super().construct_object(node, deep)
        except ValueError:  # 2026-13-01, a number of thousands of digits
            found = shown(node.value)
            raise _malformed(
                f"expected a number or a date that there is, or a text in quotes, found {found}", node
            ) from None


TEXT = "tag:yaml.org,2002:str"
TAGS = (TEXT, *(f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "int", "float", "bool", "null", "timestamp")))


def _malformed(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def document(path: Path) -> dict[str, Any]:
    """A YAML file as a mapping. Raises ``ConfigError``."""
    try:
        with path.open("rb") as file:
            raw = file.read(LIMIT + 1)
        if len(raw) > LIMIT:
            raise ConfigError(f"{path}: expected a YAML file of at most 1 MiB, found a larger one")
        content = yaml.load(raw.decode("utf-8-sig"), _StrictLoader)
    except OSError as error:
        raise ConfigError(f"{path}: expected a file that can be read, found: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8, found the byte {raw[error.start]:#04x} at {error.start}") from None
    except RecursionError:
        raise ConfigError(f"{path}: expected YAML, found brackets nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        mark, problem = error.problem_mark, error.problem or "what cannot be understood"
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError(f"{path}: expected YAML, found in {where}{problem}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: expected YAML, found: {one_line(error)}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected a YAML mapping with keys such as 'sources', found {kind_of(content)}")
    _refuse_nonsense(path, content)
    return content


MOST, DEEPEST, LONGEST, LARGEST, DAY = 20_000, 20, 8_192, 1e9, 86_400
PACE = ("poll_interval", "timeout", "request_timeout", "stale_after")
"""Seconds, of every kind of source or outlet: beyond a day, nothing would ever be late or stale."""
VALUES = ("safe", "unsafe")
"""What lists values of somebody else's: one may be empty."""


def _refuse_nonsense(path: Path, content: dict[str, Any]) -> None:
    """What no key may hold, and what aliases make endless. Raises ``ConfigError``."""
    ahead: list[tuple[int, str, str, object]] = [(0, "", "", content)]
    seen = 0
    while ahead:
        depth, where, key, value = ahead.pop()
        seen += 1
        if seen + len(ahead) > MOST or depth > DEEPEST:
            raise ConfigError(f"{path}: expected at most {MOST} values, {DEEPEST} deep, found more (each alias counts)")
        if why := _nonsense(key, value):
            raise ConfigError(f"{path}: {where}: expected {why}, found {shown(value, key)}")
        if isinstance(value, dict):
            ahead.extend((depth + 1, f"{where}.{name}".lstrip("."), name, inner) for name, inner in value.items())
        elif isinstance(value, list | tuple):
            if "" in value and key not in VALUES:
                raise ConfigError(f"{path}: {where}: expected no empty text among them, found {shown(value, key)}")
            ahead.extend((depth + 1, f"{where}[{number}]", key, inner) for number, inner in enumerate(value))


def _nonsense(key: str, value: object) -> str:
    """What was expected instead."""
    if isinstance(value, str):
        if value and not value.strip():
            return "a text that is not blank"
        if len(value) > LONGEST:
            return f"a text of at most {LONGEST} characters"
        if not value.replace("\n", "").replace("\t", "").isprintable():
            return "a text without control characters"
    elif isinstance(value, int | float):
        if key in PACE and value > DAY:
            return f"at most {DAY} seconds"
        if abs(value) > LARGEST:
            return f"a number of at most {LARGEST:g}"
    return ""


def _settings(path: Path, content: dict[str, Any]) -> Settings:
    _refuse_unknown_environment()
    stated = sorted(
        name for name in os.environ if name.upper().startswith(PREFIX) and not name.startswith(NOT_SETTINGS)
    )
    where = f"{path} (with {', '.join(stated)} in the environment)" if stated else f"{path}"
    try:
        return Settings(**content)
    except ValidationError as error:
        raise ConfigError(sentence(where, error, Settings)) from None
    except SettingsError:
        wrong = next((name for name in stated if "__" not in name and not _is_json(os.environ[name])), PREFIX + "*")
        raise ConfigError(
            f"{wrong} in the environment: expected JSON, found {shown(os.environ.get(wrong), wrong)}"
        ) from None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _refuse_unknown_environment() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and not name.startswith(NOT_SETTINGS) and name.partition("__")[0] not in known:
            raise ConfigError(
                f"{name} in the environment is no setting; expected one of {', '.join(sorted(known))} "
                "(a Service named 'watchdog' injects such names unless the Pod has enableServiceLinks: false)"
            )


def _rules(path: Path, settings: Settings) -> RuleSet:
    if not settings.rules:
        raise ConfigError(f"{path}: rules: expected at least one rule file, found none")
    try:
        texts = rule_files.read(path.parent / name for name in settings.rules)
        return rule_files.load(texts, runbooks=frozenset(settings.runbooks.paths))
    except rule_files.RulesError as error:
        raise ConfigError("\n".join(error.problems)) from None
