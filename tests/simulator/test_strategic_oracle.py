"""Strategic merge against ``kubectl patch --local``, on cases that a seed makes.

Directives appear only where there is something to merge with: kubectl 1.20 and 1.32 disagree about the rest.
"""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest

from watchdog.simulator.strategic import strategically_merged

JSON = dict[str, Any]
NAMES = ("a", "b", "c", "d", "e", "f")
PORTS, PATHS, FINALIZERS = (80, 81, 82, 83), ("/a", "/b", "/z"), ("f/1", "f/2", "f/3", "f/4")


class Maker:
    """Deployments, and patches of them."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def some(self, pool: tuple[Any, ...], least: int, most: int) -> list[Any]:
        return self.random.sample(pool, self.random.randint(least, most))

    def happens(self, probability: float) -> bool:
        return self.random.random() < probability

    def variable(self, name: str) -> JSON:
        reference = {"fieldRef": {"fieldPath": "metadata.name"}}
        value = {"value": self.random.choice("123")} if self.happens(0.7) else {"valueFrom": reference}
        return {"name": name, **value}

    def container(self, name: str) -> JSON:
        made: JSON = {"name": name, "image": f"i:{self.random.choice('123')}"}
        made["env"] = [self.variable(one) for one in self.some(NAMES, 1, 4)]
        made["ports"] = [{"containerPort": one, "name": f"p{one}"} for one in self.some(PORTS, 1, 3)]
        made["volumeMounts"] = [{"name": "v", "mountPath": one} for one in self.some(PATHS, 1, 3)]
        return {field: value for field, value in made.items() if field in ("name", "image") or self.happens(0.6)}

    def volume(self, name: str) -> JSON:
        return {"name": name, **self.random.choice([{"emptyDir": {}}, {"configMap": {"name": "x"}}])}

    def deployment(self) -> JSON:
        pod: JSON = {"containers": [self.container(one) for one in self.some(NAMES, 1, 3)]}
        pod |= {"volumes": [self.volume(one) for one in self.some(NAMES, 1, 4)]} if self.happens(0.5) else {}
        pod |= {"tolerations": [{"key": "k", "operator": "Exists"}]} if self.happens(0.3) else {}
        metadata: JSON = {"name": "x", "labels": {"a": "b"}}
        metadata |= {"finalizers": self.some(FINALIZERS, 1, 3)} if self.happens(0.5) else {}
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}
        spec = {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "strategy": strategy}
        template = {"metadata": {"labels": {"a": "b"}}, "spec": pod}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {**spec, "template": template},
        }

    def items(self, live: list[JSON] | None, key: str, pool: tuple[Any, ...], make: Any) -> list[JSON]:
        chosen = self.some(pool, 1, 3)
        if live is None:
            return [make(one) for one in chosen]
        made = [{key: one, "$patch": "delete"} if self.happens(0.25) else make(one) for one in chosen]
        return [*made, {"$patch": "replace"}] if self.happens(0.06) else made

    def order(self, key: str, live: list[JSON], items: list[JSON]) -> list[JSON]:
        """Names all that will be there, the patched ones in the order of the patch, or only some of the others."""
        deleted = [one[key] for one in items if "$patch" in one]
        patched = [one[key] for one in items if "$patch" not in one]
        names = [one for one in dict.fromkeys([*(one[key] for one in live), *patched]) if one not in deleted]
        if self.happens(0.3):
            self.random.shuffle(names)
            names = [one for one in names if one in patched or self.happens(0.7)]
        in_order = iter(patched)
        return [{key: next(in_order) if one in patched else one} for one in names]

    def container_patch(self, name: str, live: list[JSON]) -> JSON:
        old = next((one for one in live if one["name"] == name), {})
        patch: JSON = {"name": name, "image": "i:new", "env": self.items(old.get("env"), "name", NAMES, self.variable)}
        if self.happens(0.5) and {"$patch": "replace"} not in patch["env"]:
            patch["$setElementOrder/env"] = self.order("name", old.get("env", []), patch["env"])
        patch["ports"] = self.items(old.get("ports"), "containerPort", PORTS, lambda one: {"containerPort": one})
        mounts = old.get("volumeMounts")
        patch["volumeMounts"] = self.items(mounts, "mountPath", PATHS, lambda one: {"name": "w", "mountPath": one})
        patch["resources"] = self.random.choice([None, {"limits": {"cpu": None, "x": "1"}}])
        kept = ("name", "$setElementOrder/env") if "$setElementOrder/env" in patch else ("name",)
        return {field: value for field, value in patch.items() if field in (*kept, "env") or self.happens(0.4)}

    def patch(self, deployment: JSON) -> JSON:
        live, pod = deployment["spec"]["template"]["spec"], {}
        if self.happens(0.8):
            containers = live["containers"]
            pod["containers"] = self.items(containers, "name", NAMES, lambda one: self.container_patch(one, containers))
            if self.happens(0.5) and {"$patch": "replace"} not in pod["containers"]:
                pod["$setElementOrder/containers"] = self.order("name", containers, pod["containers"])
        if self.happens(0.4):
            retained = {"$retainKeys": ["name", "emptyDir"], "emptyDir": {}}
            pod["volumes"] = self.items(live.get("volumes"), "name", NAMES, lambda one: {"name": one, **retained})
        pod |= {"tolerations": [{"key": "z"}]} if self.happens(0.2) else {}
        spec: JSON = {"template": {"spec": pod}}
        spec |= {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}} if self.happens(0.2) else {}
        spec |= {"replicas": self.random.choice([0, 5, None])} if self.happens(0.2) else {}
        return {"metadata": self.metadata_patch(deployment["metadata"]), "spec": spec}

    def metadata_patch(self, metadata: JSON) -> JSON:
        added = self.some(FINALIZERS, 0, 2)
        removed = [one for one in metadata.get("finalizers", ()) if one not in added][:1]
        lists = {"finalizers": added, "$deleteFromPrimitiveList/finalizers": removed}
        labels = self.random.choice([{"n": "1", "a": None}, None, {"$patch": "replace", "z": "1"}])
        return {
            field: value for field, value in {**lists, "labels": labels}.items() if value != [] and self.happens(0.3)
        }


def as_stored(value: Any) -> Any:
    """What a server's typed decoding leaves: no directives, no nulls, nothing empty."""
    if isinstance(value, list):
        return [as_stored(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {name: as_stored(one) for name, one in value.items() if not name.startswith("$")}
    return {name: one for name, one in kept.items() if one not in (None, {}, [])}


def kubectl_patched(kubectl: str, folder: Path, number: int, deployment: JSON, patch: JSON) -> JSON:
    path = folder / f"{number}.json"
    path.write_text(json.dumps(deployment))
    options = ["patch", "--local", "-f", str(path), "--type", "strategic", "-p", json.dumps(patch), "-o", "json"]
    done = subprocess.run([kubectl, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stderr, patch)
    patched: JSON = json.loads(done.stdout)
    return patched


@pytest.mark.parametrize("seed", range(4))
def test_strategic_merge_agrees_with_kubectl(kubectl_command: str, tmp_path: Path, seed: int) -> None:
    maker = Maker(seed)
    deployments = [maker.deployment() for _ in range(15)]
    cases = [(number, one, maker.patch(one)) for number, one in enumerate(deployments)]
    with ThreadPoolExecutor(2) as pool:
        wanted = list(pool.map(lambda case: kubectl_patched(kubectl_command, tmp_path, *case), cases))
    for (_, deployment, patch), expected in zip(cases, wanted, strict=True):
        assert as_stored(strategically_merged(deployment, patch)) == as_stored(expected), json.dumps(patch)
