"""The lean layers of kubernetes-asyncio: they are lean, and they disturb nobody."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

PINNED = "36.1.0"

WHOLE_AFTERWARDS = """
import sys
import watchdog.adapters.kubernetes_client as lean
assert not [name for name in sys.modules if name.startswith("kubernetes_asyncio")], "it left something behind"
import kubernetes_asyncio
from kubernetes_asyncio import client, config
assert client.CoreV1Api and client.V1Pod
assert config.kube_config.ApiClient is client.ApiClient
assert config.kube_config.Configuration is client.Configuration
assert lean.Configuration is not client.Configuration
lean.Configuration().host, client.Configuration().host
"""
WHOLE_BEFORE = """
import sys
import kubernetes_asyncio
from kubernetes_asyncio import client, config
before = {name: module for name, module in sys.modules.items() if name.startswith("kubernetes_asyncio")}
import watchdog.adapters.kubernetes_client as lean
after = {name: module for name, module in sys.modules.items() if name.startswith("kubernetes_asyncio")}
assert before == after
assert sys.modules["kubernetes_asyncio"].client is client
assert client.ApiClient.__module__ == "kubernetes_asyncio.client.api_client"
"""
NO_MODELS = """
import gc
import watchdog.adapters.kubernetes_client as lean
classes = [o for o in gc.get_objects() if isinstance(o, type)]
models = [c for c in classes if str(c.__module__).startswith("kubernetes_asyncio.client.models")]
assert models == [], models[:3]
"""


@pytest.mark.parametrize("program", [WHOLE_AFTERWARDS, WHOLE_BEFORE, NO_MODELS])
def test_lean_and_whole_live_in_one_process(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_version_is_the_one_whose_layers_were_tried() -> None:
    """A newer one may well work: run these tests against it, and change the pin in pyproject.toml with this line."""
    assert version("kubernetes-asyncio") == PINNED
