"""Imports modules of a package without running the package's ``__init__``, where that would load a thousand others.

For a library whose version pyproject.toml pins to the last digit, and with a test that holds the lean way against the
usual one. Afterwards ``sys.modules`` is as it was: a normal import in the same process still gets the whole package.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def without_init(root: str, *packages: str) -> Iterator[dict[str, ModuleType]]:
    """Inside, ``root`` and ``packages`` (dotted names below it) are empty stand-ins, by name, whose modules can be
    imported one by one. Raises ``ImportError`` when the package is not installed."""
    before = {name: module for name, module in sys.modules.items() if _is_of(root, name)}
    for name in before:
        del sys.modules[name]
    try:
        stand_ins = {name: _stand_in(name, _folder(root)) for name in (root, *packages)}
        sys.modules.update(stand_ins)
        yield stand_ins
    finally:
        for name in [name for name in sys.modules if _is_of(root, name)]:
            del sys.modules[name]
        sys.modules.update(before)


def _folder(root: str) -> str:
    spec = importlib.util.find_spec(root)
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError(f"{root} is not installed")
    return next(iter(spec.submodule_search_locations))


def _stand_in(name: str, folder: str) -> ModuleType:
    module = ModuleType(name)
    module.__path__ = ["/".join([folder, *name.split(".")[1:]])]
    return module


def _is_of(root: str, name: str) -> bool:
    return name == root or name.startswith(f"{root}.")
