"""The custom resources that can enable execution: Argo Rollouts and KEDA's ScaledObjects. Served once installed."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from watchdog.simulator.catalog import defined
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.resources import CUSTOM_RESOURCE_DEFINITIONS

JSON = dict[str, Any]
ARGO, KEDA = "argo-rollouts", "keda-scaledobjects"


@cache
def definition(name: str) -> JSON:
    """The CustomResourceDefinition in ``crds/NAME.yaml``, which ``kubectl apply -f`` takes as well. Shared: never
    change it."""
    loaded: JSON = yaml.safe_load(files("watchdog.simulator").joinpath("crds", f"{name}.yaml").read_text("utf-8"))
    return loaded


def install(cluster: Cluster, *names: str) -> None:
    """``install(cluster, ARGO, KEDA)``: from now on these types are served."""
    for name in names:
        cluster.create(CUSTOM_RESOURCE_DEFINITIONS, "", definition(name), Author("kubectl-create"))


ROLLOUTS, SCALED_OBJECTS = defined(definition(ARGO)), defined(definition(KEDA))
