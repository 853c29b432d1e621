"""Nothing sensitive leaves the daemon. domain.md §9."""

from __future__ import annotations

import time

import pytest

from watchdog.core.facts import Endpoint, Mode, Unknown
from watchdog.core.redaction import REDACTED, is_sensitive, redacted, redacted_fact, redacted_text

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "name",
    [
        "secret",
        "clientSecret",
        "ACCESS_TOKEN",
        "db-password",
        "MY_API_KEY",
        "apiKey",
        "Authorization",
        "tls.private_key",
    ],
)
def test_a_name_like_a_secret_is_sensitive(name: str) -> None:
    assert is_sensitive(name)


@pytest.mark.parametrize("name", ["AGENT_MODE", "EXECUTION_HALTED", "key", "workload", "public_key", "author"])
def test_a_plain_name_is_not(name: str) -> None:
    assert not is_sensitive(name)


def test_a_sensitive_key_is_redacted_at_any_depth() -> None:
    told = {"spec": [{"env": {"API_TOKEN": SECRET, "MODE": "OFF"}}], "password": {"a": SECRET}, "n": 1}
    assert redacted(told) == {"spec": [{"env": {"API_TOKEN": REDACTED, "MODE": "OFF"}}], "password": REDACTED, "n": 1}


def test_the_value_of_a_variable_that_is_named_like_a_secret_is_redacted() -> None:
    assert redacted([{"name": "DB_PASSWORD", "value": SECRET}, {"name": "AGENT_MODE", "value": "OFF"}]) == [
        {"name": "DB_PASSWORD", "value": REDACTED},
        {"name": "AGENT_MODE", "value": "OFF"},
    ]


@pytest.mark.parametrize(
    "text",
    [
        f'{{"api_key": "{SECRET}", "x": 1}}',
        f"{{'clientSecret': '{SECRET}'}}",
        f"password={SECRET}&x=1",
        f"DB_PASSWORD='a {SECRET}' and",
        f"Authorization: Bearer {SECRET}",
        f'-H "authorization: Basic {SECRET}"',
        f"bearer {SECRET}",
        f"https://user:{SECRET}@host/path",
        f"https://host/path?access_token={SECRET}",
        f"first: line\n  token: {SECRET}\nlast: line",
        f'{{"token": "a\\"{SECRET}"}}',
        f'TOKEN="{SECRET}',
    ],
)
def test_a_secret_in_free_text_is_redacted(text: str) -> None:
    shown = redacted_text(text)
    assert SECRET not in shown
    assert REDACTED in shown


@pytest.mark.parametrize(
    "text",
    [
        'value "0"',
        "the key is missing",
        "set from Secret creds, which is never read",
        "secrets is forbidden: User cannot list resource",
        "http://marketdata-mcp-server.trading-floor.svc.cluster.local/healthz",
        "basic operations at 15:04:05",
    ],
)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert redacted_text(text) == text


@pytest.mark.parametrize("part", ["token", " ", "a.", 'token="\\', "://a:", '"token', "bearer ", "authorization:"])
def test_redaction_takes_no_quadratic_time(part: str) -> None:
    before = time.process_time()
    redacted_text(part * 50_000)
    assert time.process_time() - before < 5.0  # of this process' own time; quadratic would be a minute


def test_a_fact_about_a_sensitive_variable_shows_its_identity_and_no_value() -> None:
    fact = Mode("floor", "Deployment", "a", "c", "MY_API_KEY", SECRET, SECRET, False, True, True, False, 1)
    shown = redacted_fact(fact)
    assert SECRET not in str(shown)
    assert shown["variable"] == "MY_API_KEY"
    assert shown["declared"] == shown["running"] == REDACTED
    assert shown["live"] == 1


def test_a_facts_url_shows_no_password_and_its_unknowns_no_secret() -> None:
    unknown = Unknown("Refused", f"GET ?token={SECRET}")
    shown = redacted_fact(
        Endpoint("s", f"http://u:{SECRET}@host/", False, "", unknown, unknown, unknown, unknown, unknown, unknown)
    )
    assert SECRET not in str(shown)
    assert shown["says_ok"] == Unknown("Refused", f"GET ?token={REDACTED}")
