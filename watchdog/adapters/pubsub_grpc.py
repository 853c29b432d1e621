"""Google's asynchronous clients, open: the one module that imports their library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.pubsub_v1 import PublisherAsyncClient, SubscriberAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

GOOGLE = "pubsub.googleapis.com:443"
OPTIONS = (
    # Measured: with the defaults a service that returns is found up to 53 s later, with these within 0.7 s.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # A connection that died without a word is replaced within 15 s.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", 1 << 26),  # a message has at most 10 MB, and a pull brings several
    ("grpc.max_metadata_size", 1 << 16),
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),  # a connection of its own: no other client's backoff
)
NO_PROXY = (("grpc.enable_http_proxy", 0),)


@dataclass(frozen=True)
class Clients:
    """Both clients on one connection. ``refusal`` is what their methods raise when a call failed."""

    channel: Any
    subscriber: SubscriberAsyncClient
    publisher: PublisherAsyncClient
    refusal: type[Exception] = GoogleAPICallError

    @property
    def connected(self) -> bool:
        return bool(self.channel.get_state() is grpc.ChannelConnectivity.READY)


def clients(endpoint: str) -> Clients:
    """Connects at the first call, and again whenever it must. Who we are is told with each call."""
    channel = (
        grpc.aio.insecure_channel(endpoint, (*OPTIONS, *NO_PROXY))
        if endpoint
        else grpc.aio.secure_channel(GOOGLE, grpc.ssl_channel_credentials(), OPTIONS)
    )
    return Clients(
        channel,
        SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=channel)),
        PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel)),
    )
