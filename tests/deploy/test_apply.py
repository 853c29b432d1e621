"""What is deployed is what an API server takes: every field is one that Kubernetes has, and kubectl applies it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from tests.deploy.rendering import BASE, NAMESPACED, ROOT, Object, kubectl, rendered, the
from watchdog.simulator.http_face import HttpFace
from watchdog.simulator.kubectl import get, set_data
from watchdog.simulator.platform import trading_floor


def unknown_fields(documents: list[Object]) -> list[str]:
    command = [sys.executable, "-m", "tests.deploy.schema"]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(documents), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("folder", [BASE, NAMESPACED], ids=lambda folder: folder.name)
def test_kubernetes_has_every_field_that_is_set(folder: Path) -> None:
    assert not unknown_fields(rendered(folder))


def test_a_field_that_kubernetes_does_not_have_is_found() -> None:
    objects = rendered()
    the(objects, "Deployment")["spec"]["template"]["spec"]["enableServiceLink"] = False
    the(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["ports"][0]["port"] = 8080
    spec = "Deployment.spec.template.spec"
    assert unknown_fields(objects) == [f"{spec}.containers[0].ports[0].port", f"{spec}.enableServiceLink"]


@pytest.mark.parametrize("folder", [BASE, NAMESPACED], ids=lambda folder: folder.name)
async def test_kubectl_applies_it_to_the_floor(folder: Path, tmp_path: Path) -> None:
    served = rendered(folder)
    role = "ClusterRole" if folder == BASE else "Role"
    assert {"Namespace", "ServiceAccount", "ConfigMap", role, "Deployment"} <= {d["kind"] for d in served}
    face = HttpFace(trading_floor(lambda: datetime.now(UTC)).server)
    await face.start()
    try:
        told = await _apply(face.url, served, home=tmp_path)
    finally:
        await face.stop()
    there = {"namespace/watchdog configured", "configmap/watchdog-operator configured"}  # on the floor from the start
    assert len(told) == len(served) and there <= {*told}
    assert all(line.endswith(" created") for line in told if line not in there)


async def test_what_operators_wrote_stays_when_the_base_is_applied_again(tmp_path: Path) -> None:
    served = [document for document in rendered() if document["metadata"]["name"] == "watchdog-operator"]
    floor = trading_floor(lambda: datetime.now(UTC))
    face = HttpFace(floor.server)
    await face.start()
    try:
        await _apply(face.url, served, home=tmp_path)
        set_data(floor.cluster, "watchdog", "watchdog-operator", **{"note-1": "{}"})
        await _apply(face.url, served, home=tmp_path)
    finally:
        await face.stop()
    assert get(floor.cluster, "cm", "watchdog", "watchdog-operator").object["data"] == {"note-1": "{}"}


async def _apply(url: str, documents: list[Object], home: Path) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        *(kubectl(), "--server", url, "apply", "--filename", "-"),
        env={**os.environ, "HOME": str(home), "KUBECONFIG": os.devnull},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, complaints = await asyncio.wait_for(process.communicate(yaml.safe_dump_all(documents).encode()), timeout=30)
    assert process.returncode == 0, complaints.decode()
    return told.decode().splitlines()
