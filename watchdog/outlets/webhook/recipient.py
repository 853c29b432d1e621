"""One receiver as a stanza names it, and which edges are for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from watchdog.core.address import is_endpoint, is_http_url
from watchdog.core.alert import Edge, EdgeKind
from watchdog.core.severity import Sev

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,62}")
TOPIC = re.compile(r"projects/[a-z][a-z0-9\-.:]{4,61}[a-z0-9]/topics/[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}")
"""cloud.google.com/pubsub/docs/pubsub-basics, "Resource names"."""
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~\-]+")
OURS = ("content-type", "content-length", "host", "idempotency-key", "x-watchdog-signature")
"""Headers that are ours to set."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """``url`` or ``topic`` ('projects/P/topics/T', never one of the guarded platform's; ``endpoint``: 'host:port' of an
    emulator).

    ``when``: ``always`` hears of every page; ``fallback`` of what nobody else hears of; ``escalation`` only of what
    escalates to it, of which any receiver hears that is named. ``sev``: the mildest that it hears of, where it was not
    named: with ``always`` 0 unless stated, with ``fallback`` any.
    """

    name: str
    url: str = ""
    topic: str = ""
    when: Literal["always", "fallback", "escalation"] = "always"
    sev: Sev | None = None
    hmac_key_file: str = ""
    bearer_token_file: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    endpoint: str = ""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"name: expected letters, digits, '.', '_' and '-', found {self.name!r}")
        if bool(self.url) == bool(self.topic):
            raise ValueError(f"expected either a url or a topic for {self.name!r}")
        if self.url:
            self._check_url()
        else:
            self._check_topic()

    def _check_url(self) -> None:
        if not is_http_url(self.url) or not _plain(self.url):
            raise ValueError(f"url: expected an http(s) URL without credentials or fragment for {self.name!r}")
        if self.endpoint:
            raise ValueError(f"endpoint: expected with a topic only, {self.name!r} has a url")
        for header, value in self.headers.items():
            taken = header.lower() in OURS or (header.lower() == "authorization" and self.bearer_token_file)
            if taken or not HEADER.fullmatch(header) or not value.isprintable():
                raise ValueError(f"headers: expected a header that we do not set ourselves, found {header!r}")

    def _check_topic(self) -> None:
        if not TOPIC.fullmatch(self.topic):
            raise ValueError(f"topic: expected projects/PROJECT/topics/TOPIC, found {self.topic!r}")
        if self.endpoint and not is_endpoint(self.endpoint):
            raise ValueError(f"endpoint: expected host:port, found {self.endpoint!r}")
        if self.hmac_key_file or self.bearer_token_file or self.headers:
            raise ValueError(f"hmac_key_file, bearer_token_file, headers: expected with a url, found {self.topic!r}")

    def wants(self, edge: Edge) -> bool:
        """Whether it is paged by this edge. What ends is told to who was told that it began."""
        if edge.kind is EdgeKind.ESCALATED:
            return self.name in edge.to
        usual = {"always": edge.kind.page or edge.kind is EdgeKind.RESTORED, "fallback": edge.kind is EdgeKind.UNHEARD}
        return usual.get(self.when, False) and edge.alert.sev <= self.mildest

    @property
    def mildest(self) -> Sev:
        if self.sev is not None:
            return self.sev
        return Sev.SEV0 if self.when == "always" else Sev.SEV3


def _plain(url: str) -> bool:
    parts = urlsplit(url)
    return "@" not in parts.netloc and not parts.fragment and url.isprintable() and " " not in url
