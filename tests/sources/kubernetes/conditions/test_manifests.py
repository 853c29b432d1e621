"""The last known good as tools write it, and as they do not."""

from __future__ import annotations

import pytest

from watchdog.core.selection import Named
from watchdog.sources.kubernetes.conditions.images import digest_of, is_floating
from watchdog.sources.kubernetes.conditions.manifests import SLICE, NoManifests, Reading

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
DEPLOYMENT = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: ui, namespace: floor, labels: {{name: other, kind: other}}, annotations: {{image: "x@{B}"}}}}
spec:
  replicas: 1
  template:
    metadata: {{name: nothing}}
    spec:
      initContainers: [{{name: init, image: "i@{B}"}}]
      containers:
        - {{name: app, image: "r:443/x:1@{A}", env: [{{name: image, value: "{B}"}}]}}
        - {{name: side, image: "y:1"}}
status: {{name: x}}
"""
LIST = "apiVersion: v1\nkind: List\nitems:\n" + "".join(
    ("- " if number == 0 else "  ") + line + "\n" for number, line in enumerate(DEPLOYMENT.strip().splitlines())
)


def pinned(text: str | bytes) -> dict[Named, dict[str, str]]:
    reading = Reading(text if isinstance(text, bytes) else text.encode())
    list(reading.slices())
    return reading.pinned


@pytest.mark.parametrize("text", [DEPLOYMENT, LIST, f"---\n{DEPLOYMENT}\n---\n# nothing\n---\nkind: ConfigMap\n"])
def test_what_is_pinned_is_found_in_documents_and_in_a_list(text: str) -> None:
    assert pinned(text) == {Named("floor", "Deployment", "ui"): {"init": B, "app": A}}


def test_a_cron_jobs_template_lies_deeper() -> None:
    spec = f"{{jobTemplate: {{spec: {{template: {{spec: {{containers: [{{name: c, image: x@{A}}}]}}}}}}}}}}"
    text = f"kind: CronJob\nmetadata: {{name: nightly}}\nspec: {spec}\n"
    assert pinned(text) == {Named("default", "CronJob", "nightly"): {"c": A}}


@pytest.mark.parametrize(
    "text",
    [
        "", "kind: [", "- 1", "x", b"\xff\xfe\x00", "a: &x [1]\nb: *x\n", "[" * 100 + "]" * 100, "kind: Deployment",
        "kind: Deployment\nmetadata: {name: [1]}\nspec: {template: {spec: {containers: {a: 1}}}}",
        DEPLOYMENT.replace("@sha256:", ":"),
    ],
)  # fmt: skip
def test_what_pins_nothing_is_refused(text: str | bytes) -> None:
    with pytest.raises(NoManifests):
        pinned(text)


def test_a_long_text_is_read_in_slices() -> None:
    reading = Reading((LIST + "  more: [" + "1, " * 10 * SLICE + "1]\n").encode())
    assert len(list(reading.slices())) >= 10


@pytest.mark.parametrize("reference", ["x", "x:latest", "r:443/a/x", "ghcr.io/a/x:latest", "", " x "])
def test_a_reference_without_a_tag_or_with_latest_floats(reference: str) -> None:
    assert is_floating(reference)


@pytest.mark.parametrize("reference", ["x:1", "r:443/a/x:54afffe", f"x@{A}", f"x:latest@{A}", "x:latest-1"])
def test_any_other_does_not(reference: str) -> None:
    assert not is_floating(reference)


@pytest.mark.parametrize(
    ("image_id", "digest"), [(f"r/x@{A}", A), (f"docker-pullable://r/x@{A}", A), (A, ""), ("", "")]
)
def test_a_digest_counts_where_it_is_a_registrys(image_id: str, digest: str) -> None:
    assert digest_of(image_id) == digest
