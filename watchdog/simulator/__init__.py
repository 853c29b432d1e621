"""LAW: behave as a real API server was recorded to behave, or refuse; never invent a convenience on the wire.

An in-memory Kubernetes and a market-data service: the embedded platform of ``make run`` and ``watchdog demo``, and the
test bed. Part of the product, and no part of what is guarded: the daemon knows it only through ``watchdog.ports`` or
through a socket. Deterministic: uids come from a seed, times from the clock that is passed in, and waiting is plain
``asyncio``.

    cluster -> apiserver (transport-free) -> http_face (sockets) | ports (in process)
"""
