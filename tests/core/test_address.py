"""What addresses something outside, and what does not."""

from __future__ import annotations

import pytest

from watchdog.core.address import is_endpoint, is_http_url, is_kubernetes_name, is_namespace


@pytest.mark.parametrize(
    "url", ["http://ops", "https://ops.floor.svc:8443/status?x=1", "http://[::1]:80/", "http://h:65535"]
)
def test_an_http_url_is_one(url: str) -> None:
    assert is_http_url(url)


@pytest.mark.parametrize(
    "url",
    ["", "ops:80", "ftp://ops", "http://", "http:///x", "http://h:65536", "http://h:0", "http://h:x", "http://[::1"],
)
def test_what_names_no_host_or_no_port_that_can_be_is_none(url: str) -> None:
    assert not is_http_url(url)


@pytest.mark.parametrize("text", ["localhost:8085", "127.0.0.1:1", "[::1]:65535", "pubsub.floor.svc:8085"])
def test_an_endpoint_is_a_host_and_a_port(text: str) -> None:
    assert is_endpoint(text)


@pytest.mark.parametrize(
    "text", ["", "localhost", "localhost:", ":8085", "h:0", "h:65536", "h:x", "http://h:80", "h:80/x", "h:²"]
)
def test_what_is_not_host_and_port_is_no_endpoint(text: str) -> None:
    assert not is_endpoint(text)


@pytest.mark.parametrize("name", ["", "A", "a_b", "a/b", "..", "a..b", "-a", "a-", "a?x=1", "a%2fb", "a\n", "x" * 254])
def test_what_could_change_a_path_is_no_name_in_kubernetes(name: str) -> None:
    assert not is_kubernetes_name(name) and not is_namespace(name)


def test_a_namespace_is_a_label_and_other_names_may_have_dots() -> None:
    assert is_kubernetes_name("kube-root-ca.crt") and not is_namespace("kube-root-ca.crt")
    assert is_namespace("trading-floor") and not is_namespace("x" * 64)
