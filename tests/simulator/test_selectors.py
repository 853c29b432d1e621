from __future__ import annotations

from typing import Any

import pytest

from watchdog.simulator.errors import ApiError
from watchdog.simulator.resources import DEPLOYMENTS, PODS
from watchdog.simulator.selectors import by_fields, by_labels, from_label_selector, label_selector_text

POD: dict[str, Any] = {
    "metadata": {"name": "p", "namespace": "n", "labels": {"app": "web", "tier": "front"}},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    "text",
    ["", "app=web", "app==web", "app!=db", "app", "!x", "app in (db, web)", "x notin (y)", "x!=y", "app=web,tier"],
)
def test_a_label_selector_selects(text: str) -> None:
    assert by_labels(text)(POD)


@pytest.mark.parametrize("text", ["app=db", "app!=web", "!app", "x", "app in (db)", "app notin (web)", "app=web,x"])
def test_a_label_selector_leaves_out(text: str) -> None:
    assert not by_labels(text)(POD)


def test_a_label_selector_that_cannot_be_read_is_a_bad_request() -> None:
    with pytest.raises(ApiError, match="400 BadRequest"):
        by_labels("a=b=c")


def test_a_workloads_selector_is_read_and_written() -> None:
    selector = {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "Exists"}]}
    assert from_label_selector(selector)(POD)
    assert not from_label_selector({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]})(POD)
    assert label_selector_text(selector) == "app=web,tier"


@pytest.mark.parametrize("text", ["metadata.name=p", "metadata.namespace=n,status.phase=Running", "metadata.name!=q"])
def test_a_field_selector_selects(text: str) -> None:
    assert by_fields(PODS, text)(POD)


def test_a_field_selector_leaves_out() -> None:
    assert not by_fields(PODS, "status.phase!=Running")(POD)
    assert not by_fields(PODS, "metadata.name=q")(POD)


def test_a_field_that_a_type_cannot_be_selected_by_is_refused_as_recorded() -> None:
    with pytest.raises(ApiError) as refused:
        by_fields(DEPLOYMENTS, "spec.replicas=0")
    assert refused.value.message == (
        '"spec.replicas" is not a known field selector: only "metadata.name", "metadata.namespace"'
    )
