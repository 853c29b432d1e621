"""The garbage collector and the end of a namespace."""

from __future__ import annotations

from typing import Any

from watchdog.simulator.cluster import FOREGROUND, ORPHAN, DeleteOptions
from watchdog.simulator.history import Record
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.reconcilers.owned import CONTROLLER, World, is_terminating, owners
from watchdog.simulator.resources import DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS

JSON = dict[str, Any]
_WITH_STATUS = (DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS)


def reconcile_ownership(world: World, record: Record) -> bool:
    """Removes what lost its owners, and ends what waits for its dependents. True: nothing else is to be done."""
    if _is_abandoned(world, record) and not is_terminating(record):
        world.cluster.delete(record, DeleteOptions(propagation="Background"))
        return True
    finalizers = record.object["metadata"].get("finalizers") or ()
    if not is_terminating(record) or not {FOREGROUND, ORPHAN}.intersection(finalizers):
        return False
    record = _observed(world, record)
    children = world.owned.children(record)
    if ORPHAN in finalizers:
        for child in children:
            _let_go(world, child, record.uid)
    elif children:
        for child in children:
            world.cluster.delete(
                child, DeleteOptions(propagation="Foreground" if child.resource is REPLICA_SETS else "Background")
            )
        return True
    left = [one for one in finalizers if one not in (FOREGROUND, ORPHAN)]
    world.write(record, {"metadata": {**record.object["metadata"], "finalizers": left}})
    return True


def _is_abandoned(world: World, record: Record) -> bool:
    """It has owners of types that are known here, and none of them is there any more."""
    found = owners(world.cluster.catalog, record)
    return bool(found) and not any(_exists(world, *one) for one in found)


def _exists(world: World, resource: Any, key: str, uid: str) -> bool:
    namespace, _, name = key.rpartition("/")
    owner = world.cluster.find(resource, namespace, name)
    return owner is not None and owner.uid == uid


def _observed(world: World, record: Record) -> Record:
    """A workload's controller still notices the generation of the deletion itself."""
    if record.resource not in _WITH_STATUS:
        return record
    generation = record.object["metadata"]["generation"]
    return world.write_status(record, {**(record.object.get("status") or {}), "observedGeneration": generation})


def _let_go(world: World, child: Record, owner_uid: str) -> None:
    metadata = child.object["metadata"]
    left = [one for one in metadata.get("ownerReferences") or () if one["uid"] != owner_uid]
    others = {field: value for field, value in metadata.items() if field != "ownerReferences"}
    world.write(child, {"metadata": others | ({"ownerReferences": left} if left else {})})


def reconcile_namespace(world: World, namespace: Record) -> float | None:
    """A namespace that is deleted takes all that is in it along, and goes last. Returns seconds until another look."""
    if not is_terminating(namespace):
        return None
    content = [
        one
        for resource in world.cluster.catalog.stored
        if resource.namespaced
        for one in world.cluster.records(resource, namespace.name)
    ]
    for record in content:
        if not is_terminating(record):
            world.cluster.delete(record)
    if content:
        return world.pace.settle * 4
    world.write(namespace, {"spec": {"finalizers": []}}, Author(CONTROLLER, "finalize"))
    return None
