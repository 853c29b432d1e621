"""A stanza -> the frozen object of its kind.

``kind: X`` in a stanza of ``sources`` names the module ``watchdog.sources.X`` (of ``outlets``: ``watchdog.outlets.X``)
and its one class; the class's fields are the stanza's keys. There is no registry: a module that no stanza uses is not
imported.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from watchdog.outlets import Outlet
from watchdog.refusal import ConfigError, one_of, sentence, shown
from watchdog.sources import Source

P = TypeVar("P", Source, Outlet)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,99}")
"""Of a stanza: what becomes a label."""


def plugins(
    path: Path, folder: str, stanzas: Sequence[dict[str, Any]], base: type[P], shared: Mapping[str, Any]
) -> Iterator[P]:
    """The objects of a folder's stanzas; ``shared`` is for every stanza whose class has such a key. ``path`` is what
    errors name. Raises ``ConfigError``."""
    names = set[str]()
    for number, stanza in enumerate(stanzas):
        plugin = _plugin(f"{path}: {folder}[{number}]", folder, stanza, base, shared)
        if NAME.fullmatch(plugin.name) is None:
            raise ConfigError(
                f"{path}: {folder}[{number}].name: expected letters, digits, '.', '_' and '-', found {plugin.name!r}"
            )
        if plugin.name in names:
            raise ConfigError(
                f"{path}: {folder}[{number}].name: expected a name of its own, found {plugin.name!r} twice"
            )
        names.add(plugin.name)
        yield plugin


def _plugin(where: str, folder: str, stanza: Mapping[str, Any], base: type[P], shared: Mapping[str, Any]) -> P:
    kind = stanza.get("kind")
    if not isinstance(kind, str) or kind not in _kinds(folder):
        raise ConfigError(f"{where}.kind: {one_of(_kinds(folder), kind)}, found {shown(kind)}")
    cls = _one_class(folder, kind, base)
    fields = getattr(cls, "__dataclass_fields__", {})
    ours = {key: value for key, value in shared.items() if key in fields}
    if both := sorted(ours.keys() & stanza.keys()):
        raise ConfigError(f"{where} ({kind}): {both[0]}: expected under runbooks, found in a stanza")
    arguments = {"name": kind, **ours, **{key: value for key, value in stanza.items() if key != "kind"}}
    _be_strict(cls)
    try:
        return TypeAdapter(cls).validate_json(json.dumps(arguments, default=str))  # its types are JSON's, strictly
    except ValidationError as error:
        raise ConfigError(sentence(f"{where} ({kind})", error, cls)) from None


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


def _be_strict(cls: type[Any]) -> None:
    """No unknown keys, no text for a number and no truth value for one, and no number that is not finite (with ``.inf``
    nothing would be stale). Also in what is nested: pydantic takes this from each dataclass by itself."""
    if not is_dataclass(cls) or "__pydantic_config__" in cls.__dict__:
        return
    cls.__pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)  # type: ignore[attr-defined]
    for hint in get_type_hints(cls).values():
        for inner in _mentioned(hint):
            _be_strict(inner)


def _mentioned(hint: Any) -> Iterator[type[Any]]:
    if isinstance(hint, type):
        yield hint
    for argument in get_args(hint):
        yield from _mentioned(argument)
