"""Configuration: what is unknown or wrong is refused in one sentence that names file, key and expectation."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from watchdog.config import build, document, load
from watchdog.outlets.alertmanager import Alertmanager
from watchdog.refusal import ConfigError
from watchdog.simulator.scene import shipped

CONFIG = shipped()


@pytest.fixture
def content() -> dict[str, Any]:
    return document(CONFIG)


def refused(content: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        build(CONFIG, content)
    assert all(line.strip() for line in str(caught.value).splitlines()), "a sentence a line"
    return str(caught.value).removeprefix(str(CONFIG))


def test_what_ships_is_fine() -> None:
    names = [source.name for source in load(CONFIG).plan.sources]
    assert names == [
        "kubernetes", "http_health", "ops_status", "safety_api", "pubsub_subscriptions", "pubsub_dead_letters",
        "promql", "cloud_run", "http_up", "heartbeats", "market_hours", "replicas", "clocks", "operator",
    ]  # fmt: skip
    assert load(CONFIG.with_name("local.yaml")).plan.sources


@pytest.mark.parametrize(
    ("kind", "stanza", "told"),
    [
        ("http_up", {"services": [{"service": "mission-control", "url": "http://x/"}]}, "service 'mission-control'"),
        ("heartbeats", {}, "heartbeat 'marketdata-mcp-server'"),
        ("promql", {}, "metric 'oldest_unacked_seconds'"),
    ],
)
def test_two_sources_that_look_at_one_thing_are_refused(
    content: dict[str, Any], kind: str, stanza: dict[str, Any], told: str
) -> None:
    """They would overrule each other for ever: what one of them finds never lasts."""
    shipped_one = next(one for one in content["sources"] if one["kind"] == kind)
    content["sources"].append({**shipped_one, **stanza, "name": "again"})
    assert f"expected one that looks at {told}, found " in refused(content)


def test_the_environment_beats_the_file(content: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_SERVER__PORT", "9090")
    monkeypatch.setenv("WATCHDOG_PLATFORM__CLUSTER", "prod-1")
    configuration = build(CONFIG, content)
    assert (configuration.settings.server.port, dict(configuration.labels)) == (9090, {"cluster": "prod-1"})


def test_a_service_link_in_the_environment_is_refused_with_its_cause(
    content: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_PORT", "tcp://10.0.0.1:8080")
    assert "WATCHDOG_PORT in the environment is no setting" in (said := refused(content))
    assert "enableServiceLinks: false" in said


def test_the_test_suites_own_variables_are_no_settings_and_not_refused(
    content: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_TEST_KUBECONFIG", "somewhere")
    assert build(CONFIG, content)


def kubernetes(content: dict[str, Any]) -> dict[str, Any]:
    stanza: dict[str, Any] = content["sources"][0]
    return stanza


WRONG: list[tuple[str, Callable[[dict[str, Any]], object], str]] = [
    ("an unknown key", lambda c: c.update(sorces=[]), "sorces: no such key"),
    ("an unknown key of a section", lambda c: c["server"].update(prt=1), "server.prt: no such key"),
    ("a port out of range", lambda c: c["server"].update(port=70000), "server.port: "),
    ("no rules", lambda c: c.update(rules=[]), "rules: expected at least one rule file"),
    ("a rule file that is missing", lambda c: c.update(rules=["rules/none.yaml"]), "none.yaml"),
    ("a runbook that is not listed", lambda c: c["runbooks"].update(paths=[]), "runbook"),
    ("no sources", lambda c: c.update(sources=[]), "sources: expected at least one source"),
    (
        "an unknown kind",
        lambda c: kubernetes(c).update(kind="kubernets"),
        "sources[0].kind: expected kubernetes, found 'kubernets'",
    ),
    (
        "a kind that is a path",
        lambda c: kubernetes(c).update(kind="../outlets/console"),
        "sources[0].kind: expected one",
    ),
    ("a kind that is no text", lambda c: kubernetes(c).update(kind=["kubernetes"]), "sources[0].kind: expected one of"),
    ("an outlet among the sources", lambda c: kubernetes(c).update(kind="console"), "sources[0].kind: expected one of"),
    ("an unknown key of a stanza", lambda c: kubernetes(c).update(pol_interval=1), "pol_interval: no such key"),
    (
        "an unknown key deep in a stanza",
        lambda c: kubernetes(c)["kill_switches"][0].update(keyy="x"),
        "sources[0] (kubernetes): kill_switches.0.keyy: no such key",
    ),
    ("a text for a number", lambda c: kubernetes(c).update(poll_interval="soon"), "poll_interval: "),
    (
        "a value that cannot be",
        lambda c: kubernetes(c).update(poll_interval=-1),
        "poll_interval: expected seconds above 0",
    ),
    (
        "a number that is never reached",
        lambda c: kubernetes(c).update(stale_after=float("inf")),
        "sources[0].stale_after: expected at most 86400 seconds, found inf",
    ),
    (
        "a number that is none",
        lambda c: c["sources"][2].update(stale_after=float("nan")),
        "sources[2] (ops_status): stale_after: expected a finite number, found nan",
    ),
    (
        "an infinite number as a text",
        lambda c: c["sources"][3].update(stale_after="inf"),
        "sources[3] (safety_api): stale_after: expected a number, found 'inf'",
    ),
    ("a drain that is no number", lambda c: c.update(drain_seconds=float("nan")), "drain_seconds: "),
    (
        "a text for a list",
        lambda c: kubernetes(c).update(namespaces="floor"),
        "namespaces: expected a list, found 'floor'",
    ),
    (
        "a memory without a file",
        lambda c: c["outlets"].append({"kind": "memory", "path": ""}),
        "(memory): path: expected the absolute path of a file",
    ),
    ("two sources of one name", lambda c: c["sources"].append(kubernetes(c)), "found 'kubernetes' twice"),
    ("an outlet without its key", lambda c: c["outlets"][0].pop("urls"), "urls: expected at least one"),
    ("a drain that outlasts the grace period", lambda c: c.update(drain_seconds=60), "drain_seconds: "),
]


@pytest.mark.parametrize(("change", "says"), [(c, s) for _, c, s in WRONG], ids=[name for name, _, _ in WRONG])
def test_it_is_refused(content: dict[str, Any], change: Callable[[dict[str, Any]], object], says: str) -> None:
    change(content)
    assert says in refused(content)


FILES = {
    "a key that stands twice": ("server: {port: 1}\nserver: {port: 2}\n", "the key 'server' stands twice"),
    "no YAML": ("a: [1\n", "expected YAML"),
    "a list": ("- a\n", "expected a YAML mapping with keys such as 'sources', found a list"),
    "nothing": ("", "found nothing"),
    "a tag that would run code": ("a: !!python/object/apply:os.system [id]\n", "expected YAML"),
    "a key that is a mapping": ("? {a: 1}\n: 2\n", "expected"),
    "thousands of brackets": ("a: " + "[" * 20_000, "expected YAML"),
    "binary": ("a: \x00\n", "expected YAML"),
}


@pytest.mark.parametrize(("text", "says"), FILES.values(), ids=FILES)
def test_a_malformed_file_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "watchdog.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value).startswith(str(path))
    assert says in str(caught.value)


def test_a_file_that_is_missing_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "none.yaml")
    large = tmp_path / "large.yaml"
    large.write_text("a: 1\n" * 300_000)
    with pytest.raises(ConfigError, match="at most 1 MiB"):
        load(large)


def test_a_file_that_never_ends_is_read_up_to_the_limit_and_refused() -> None:
    with pytest.raises(ConfigError, match="at most 1 MiB"):
        load(Path("/dev/zero"))


def test_an_outlet_is_told_once_where_runbooks_are(content: dict[str, Any]) -> None:
    content["runbooks"]["base_url"] = "https://runbooks.example"
    (outlet,) = [o for o in build(CONFIG, content).plan.outlets if isinstance(o, Alertmanager)]
    assert outlet.runbook_base_url == "https://runbooks.example"


def test_a_module_that_no_stanza_uses_is_not_imported(tmp_path: Path) -> None:
    config = yaml.safe_load(CONFIG.with_name("local.yaml").read_text())
    config["rules"] = [str(CONFIG.parent / rule) for rule in config["rules"]]
    config["sources"] = [source for source in config["sources"] if source["kind"] == "flag_file"]
    config["outlets"] = [{"kind": "console"}]
    path = tmp_path / "watchdog.yaml"
    path.write_text(yaml.safe_dump(config))
    script = f"import sys, pathlib, watchdog.config as c; c.load(pathlib.Path({str(path)!r})); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout.split()
    assert "watchdog.sources.flag_file" in loaded
    unused = (
        "kubernetes_asyncio",
        "holidays",
        "watchdog.sources.kubernetes",
        "watchdog.outlets.alertmanager",
        "prometheus_client",
    )
    assert not [module for module in loaded if module in unused]
