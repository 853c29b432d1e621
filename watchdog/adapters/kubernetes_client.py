"""kubernetes-asyncio's configuration, authentication and transport, without its thousand model classes.

Importing the package whole costs 39 MB and 230 ms beyond aiohttp, these layers cost 3 MB and 37 ms. Nearly all of it is
for models that nothing here uses: the package's ``__init__`` imports them, and so does ``api_client``, which the
configuration layer names. Here the packages are entered under stand-ins whose ``__init__`` does not run, and the layers
are imported one by one; then ``sys.modules`` is as it was before, so that a normal ``import kubernetes_asyncio`` in the
same process still gets the whole package, fresh. pyproject.toml pins the version, and a test holds both ways.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_PACKAGE = "kubernetes_asyncio"
_ENTERED = (_PACKAGE, f"{_PACKAGE}.client", f"{_PACKAGE}.config")


class _NoApiClient:
    """``config`` names ApiClient for constructors that are not called here."""


@contextmanager
def _stand_ins() -> Iterator[dict[str, ModuleType]]:
    """``sys.modules`` with stand-ins for the packages, and as it was before at the end."""
    before = {name: module for name, module in sys.modules.items() if _is_ours(name)}
    for name in before:
        del sys.modules[name]
    try:
        root = importlib.util.find_spec(_PACKAGE)
        if root is None or root.submodule_search_locations is None:
            raise ImportError(f"{_PACKAGE} is not installed")
        packages = {name: _package(name, next(iter(root.submodule_search_locations))) for name in _ENTERED}
        sys.modules.update(packages)
        yield packages
    finally:
        for name in [name for name in sys.modules if _is_ours(name)]:
            del sys.modules[name]
        sys.modules.update(before)


def _package(name: str, root: str) -> ModuleType:
    module = ModuleType(name)
    module.__path__ = ["/".join([root, *name.split(".")[1:]])]
    return module


def _is_ours(name: str) -> bool:
    return name == _PACKAGE or name.startswith(f"{_PACKAGE}.")


with _stand_ins() as _packages:
    _client: Any = _packages[f"{_PACKAGE}.client"]
    _client.Configuration = importlib.import_module(f"{_PACKAGE}.client.configuration").Configuration
    _client.ApiClient = _NoApiClient
    _rest = importlib.import_module(f"{_PACKAGE}.client.rest")
    _exception = importlib.import_module(f"{_PACKAGE}.config.config_exception")
    _in_cluster = importlib.import_module(f"{_PACKAGE}.config.incluster_config")
    _kube_config = importlib.import_module(f"{_PACKAGE}.config.kube_config")

# What it warns of, it raises as well, and that is told once, as an Unknown.
logging.getLogger(f"{_PACKAGE}.config").setLevel(logging.CRITICAL)

Configuration: Any = _client.Configuration
ConfigException: type[Exception] = _exception.ConfigException
ConfigNode: Any = _kube_config.ConfigNode
InClusterConfigLoader: Any = _in_cluster.InClusterConfigLoader
KubeConfigLoader: Any = _kube_config.KubeConfigLoader
KubeConfigMerger: Any = _kube_config.KubeConfigMerger
RESTClientObject: Any = _rest.RESTClientObject
SERVICE_ACCOUNT_TOKEN: str = _in_cluster.SERVICE_TOKEN_FILENAME
SERVICE_ACCOUNT_CA: str = _in_cluster.SERVICE_CERT_FILENAME
