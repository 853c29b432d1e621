"""YAML + WATCHDOG_* environment -> frozen objects. What is unknown or wrong is refused in one sentence."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from watchdog.core.ruleset import RuleSet
from watchdog.daemon import Plan
from watchdog.outlets import Outlet
from watchdog.paging import Paging, planned, within_budget
from watchdog.plugins import plugins
from watchdog.refusal import ConfigError, one_line, sentence
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
    paging: Paging = Paging()
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
    settings = _settings(path, content)
    rules = _rules(path, settings)
    shared = {"runbook_base_url": settings.runbooks.base_url}
    sources = tuple(plugins(path, "sources", settings.sources, Source, shared))  # type: ignore[type-abstract]
    outlets = tuple(plugins(path, "outlets", settings.outlets, Outlet, shared))  # type: ignore[type-abstract]
    if not sources:
        raise ConfigError(f"{path}: sources: expected at least one source to look at, found none")
    _refuse_contradictions(path, sources)
    _refuse_namesakes(path, outlets)
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
        raise ConfigError(f"{path}: outlets: expected a name of its own for each receiver, {twice!r} stands twice")


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
        with path.open("rb") as file:
            raw = file.read(LIMIT + 1)
        if len(raw) > LIMIT:
            raise ConfigError(f"{path}: expected a YAML file of at most 1 MiB, found a larger one")
        content = yaml.load(raw, _StrictLoader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ConfigError(f"{path}: expected YAML: {one_line(error)}") from None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError(f"{path}: expected a YAML mapping with keys such as 'sources', found {_kind(content)}")
    return content


def _settings(path: Path, content: dict[str, Any]) -> Settings:
    _refuse_unknown_environment()
    try:
        return Settings(**content)
    except ValidationError as error:
        raise ConfigError(sentence(f"{path} (or {PREFIX}* in the environment)", error)) from None
    except SettingsError as error:
        raise ConfigError(f"{PREFIX}* in the environment: {one_line(error)}") from None


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


def _kind(content: object) -> str:
    return "nothing" if content is None else f"a {type(content).__name__}"
