"""YAML + WATCHDOG_* environment -> frozen objects. What is unknown or wrong is refused in one sentence.

``kind: X`` in a stanza of ``sources`` names the module ``watchdog.sources.X`` (of ``outlets``: ``watchdog.outlets.X``)
and its one class; the class's fields are the stanza's keys. There is no registry: a module that no stanza uses is not
imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from watchdog.core.assessment import RuleSet
from watchdog.daemon import Plan
from watchdog.outlets import Outlet
from watchdog.rules import load as rule_files
from watchdog.sources import Source

P = TypeVar("P", Source, Outlet)
PREFIX = "WATCHDOG_"
NOT_SETTINGS = ("WATCHDOG_TEST_",)
LIMIT = 1 << 20


class ConfigError(Exception):
    """One clear sentence: file, key, what was expected. Exit code 2."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Platform(_Section):
    """What is guarded. ``cluster`` and ``environment`` become labels of every alert."""

    name: str = "the platform"
    cluster: str = ""
    environment: str = ""


class Server(_Section):
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)


class Runbooks(_Section):
    """Paths in the guarded platform's repository, and where that repository is read (domain.md §8)."""

    base_url: str = ""
    paths: tuple[str, ...] = ()


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
    drain_seconds: float = Field(default=10.0, ge=0, le=25)

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

    @property
    def labels(self) -> Mapping[str, str]:
        pairs = {"cluster": self.settings.platform.cluster, "environment": self.settings.platform.environment}
        return {name: value for name, value in pairs.items() if value}


def load(path: Path) -> Configuration:
    """The configuration in ``path``, the environment on top. Raises ``ConfigError``."""
    return build(path, document(path))


def build(path: Path, content: dict[str, Any]) -> Configuration:
    """The configuration of a document; ``path`` is what errors name and what rule files are relative to."""
    settings = _settings(path, content)
    rules = _rules(path, settings)
    told_once = {"runbook_base_url": settings.runbooks.base_url}
    sources = tuple(_plugins(path, "sources", settings.sources, Source, told_once))  # type: ignore[type-abstract]
    outlets = tuple(_plugins(path, "outlets", settings.outlets, Outlet, told_once))  # type: ignore[type-abstract]
    if not sources:
        raise ConfigError(f"{path}: sources: expected at least one source to look at, found none")
    return Configuration(settings, Plan(sources, outlets, rules, settings.drain_seconds))


def runbooks_of(path: Path) -> frozenset[str]:
    """The runbooks that a configuration lists. Raises ``ConfigError``."""
    return frozenset(_settings(path, document(path)).runbooks.paths)


# The file


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice: the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set[str]()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "expected a plain key", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def document(path: Path) -> dict[str, Any]:
    """A YAML file as a mapping. Raises ``ConfigError``."""
    try:
        raw = path.read_bytes()[: LIMIT + 1]
        if len(raw) > LIMIT:
            raise ConfigError(f"{path}: expected a YAML file of at most 1 MiB, found a larger one")
        content = yaml.load(raw, _StrictLoader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ConfigError(f"{path}: expected YAML: {_one_line(error)}") from None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError(f"{path}: expected a YAML mapping with keys such as 'sources', found {_kind(content)}")
    return content


def _settings(path: Path, content: dict[str, Any]) -> Settings:
    _refuse_unknown_environment()
    try:
        return Settings(**content)
    except ValidationError as error:
        raise ConfigError(_sentence(f"{path} (or {PREFIX}* in the environment)", error)) from None
    except SettingsError as error:
        raise ConfigError(f"{PREFIX}* in the environment: {_one_line(error)}") from None


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


# The plugins


def _plugins(
    path: Path, folder: str, stanzas: Sequence[dict[str, Any]], base: type[P], told_once: Mapping[str, Any]
) -> Iterator[P]:
    """``told_once`` is for every stanza whose class has such a key."""
    names = set[str]()
    for number, stanza in enumerate(stanzas):
        plugin = _plugin(f"{path}: {folder}[{number}]", folder, stanza, base, told_once)
        if plugin.name in names:
            raise ConfigError(
                f"{path}: {folder}[{number}].name: expected a name of its own, {plugin.name!r} stands twice"
            )
        names.add(plugin.name)
        yield plugin


def _plugin(where: str, folder: str, stanza: Mapping[str, Any], base: type[P], told_once: Mapping[str, Any]) -> P:
    kind = stanza.get("kind")
    if not isinstance(kind, str) or kind not in _kinds(folder):
        raise ConfigError(f"{where}.kind: expected one of {', '.join(_kinds(folder))}, found {kind!r}")
    cls = _one_class(folder, kind, base)
    shared = {key: value for key, value in told_once.items() if key in getattr(cls, "__dataclass_fields__", {})}
    arguments = {"name": kind, **shared, **{key: value for key, value in stanza.items() if key != "kind"}}
    _forbid_unknown_keys(cls)
    try:
        return TypeAdapter(cls).validate_python(arguments)
    except ValidationError as error:
        raise ConfigError(_sentence(f"{where} ({kind})", error)) from None


def _kinds(folder: str) -> list[str]:
    """The modules and packages of ``watchdog/<folder>``."""
    package = importlib.import_module(f"watchdog.{folder}")
    entries = [entry for root in package.__path__ for entry in Path(root).iterdir()]
    modules = [e.stem for e in entries if e.suffix == ".py" or (e / "__init__.py").exists()]
    return sorted(name for name in modules if not name.startswith("_"))


def _one_class(folder: str, kind: str, base: type[P]) -> type[P]:
    module = importlib.import_module(f"watchdog.{folder}.{kind}")
    classes = [c for _, c in inspect.getmembers(module, inspect.isclass) if issubclass(c, base) and c is not base]
    if len(classes) != 1:
        raise ConfigError(f"watchdog/{folder}/{kind}: expected exactly one {base.__name__}, found {len(classes)}")
    return classes[0]


def _forbid_unknown_keys(cls: type[Any]) -> None:
    """Also in what is nested: pydantic takes this from each dataclass by itself."""
    if not is_dataclass(cls) or "__pydantic_config__" in cls.__dict__:
        return
    cls.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
    for hint in get_type_hints(cls).values():
        for inner in _mentioned(hint):
            _forbid_unknown_keys(inner)


def _mentioned(hint: Any) -> Iterator[type[Any]]:
    if isinstance(hint, type):
        yield hint
    for argument in get_args(hint):
        yield from _mentioned(argument)


# Sentences


def _sentence(where: str, error: ValidationError) -> str:
    """Every problem in one line: key, what was expected, what was found."""
    return "; ".join(_problem(where, dict(problem)) for problem in error.errors())


def _problem(where: str, problem: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{where}: {key}: no such key"
    if problem["type"] in ("missing", "missing_argument"):
        return f"{where}: {key}: expected a value, found none"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{where}: {key + ': ' if key else ''}{message}{_found(problem)}"


def _found(problem: Mapping[str, Any]) -> str:
    found = repr(problem.get("input"))
    return "" if problem["type"] == "value_error" else f", found {found if len(found) <= 60 else found[:60] + '…'}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _kind(content: object) -> str:
    return "nothing" if content is None else f"a {type(content).__name__}"
