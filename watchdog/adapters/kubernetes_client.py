"""kubernetes-asyncio's configuration, authentication and transport, without its thousand model classes.

Importing the package whole costs 39 MB and 230 ms beyond aiohttp, these layers cost 3 MB and 37 ms. Nearly all of it is
for models that nothing here uses: the package's ``__init__`` imports them, and so does ``api_client``, which the
configuration layer names. Here the packages are entered without their ``__init__`` (``watchdog.lean``) and the layers
imported one by one. pyproject.toml pins the version, and a test holds both ways.
"""

from __future__ import annotations

import importlib
import logging
from typing import Any

from watchdog.lean import without_init

_PACKAGE = "kubernetes_asyncio"


class _NoApiClient:
    """``config`` names ApiClient for constructors that are not called here."""


with without_init(_PACKAGE, f"{_PACKAGE}.client", f"{_PACKAGE}.config") as _packages:
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
