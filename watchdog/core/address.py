"""How what is outside is addressed in a stanza: URLs, endpoints, and names that become a part of a URL's path."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

PORTS = range(1, 65_536)
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9\-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9\-]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-]*(\.[A-Za-z0-9_][A-Za-z0-9_\-]*)*\.?|\[[0-9A-Fa-f:.]+\]")
_KEY = re.compile(r"[A-Za-z0-9._\-]{1,253}")
_URL = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")


def is_http_url(text: str) -> bool:
    """Whether it is an http(s) URL with a host, whose port, if it names one, is one, and of characters that a URL may
    have (RFC 3986 §2, §3.2): of others ``urlsplit`` takes some away."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    in_range = port is None or port in PORTS
    return parts.scheme in ("http", "https") and is_host(host) and in_range and _URL.fullmatch(text) is not None


def is_host(text: str) -> bool:
    """Whether something may listen there: a name or an address."""
    return len(text) <= 253 and _HOST.fullmatch(f"[{text}]" if ":" in text else text) is not None


def is_endpoint(text: str) -> bool:
    """Whether it is 'host:port'."""
    host, _, port = text.rpartition(":")
    digits = port.isascii() and port.isdigit() and len(port) <= 5
    return digits and int(port) in PORTS and _HOST.fullmatch(host) is not None


def is_kubernetes_name(name: str) -> bool:
    """Whether an object of the API server may be named so: a DNS subdomain (RFC 1123; "Object Names and IDs")."""
    return len(name) <= 253 and _SUBDOMAIN.fullmatch(name) is not None


def is_config_key(key: str) -> bool:
    """Whether a ConfigMap may have such a key ("ConfigMaps": alphanumeric characters, '-', '_' and '.')."""
    return _KEY.fullmatch(key) is not None


def is_namespace(name: str) -> bool:
    """Whether a namespace may be named so: a DNS label (RFC 1123; "Object Names and IDs")."""
    return _LABEL.fullmatch(name) is not None
