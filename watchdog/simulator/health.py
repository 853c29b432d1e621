"""/healthz, /livez and /readyz: plain text, also for nobody in particular (kube-wire README, points 20 and 22)."""

from __future__ import annotations

from watchdog.simulator.wire import TEXT_TYPE, Request, Response

_PATHS = ("healthz", "livez", "readyz")
_CHECKS = (
    "ping", "log", "informer-sync", "poststarthook/start-apiextensions-controllers",
    "poststarthook/rbac/bootstrap-roles", "poststarthook/priority-and-fairness-config-producer", "shutdown",
)  # fmt: skip
_LATE = ("informer-sync", "poststarthook/rbac/bootstrap-roles")
"""What is not done yet while a server starts."""


def health(request: Request, *, ready: bool) -> Response | None:
    """None for any other path. ``ready``: a server that starts lives, and is not ready."""
    path, _, check = request.path.strip("/").partition("/")
    if request.method != "GET" or path not in _PATHS or check not in ("", *_CHECKS):
        return None
    well = ready or path == "livez" or (check != "" and check not in _LATE)
    if well and "verbose" not in request.query:
        return Response(200, b"ok", TEXT_TYPE)
    lines = [_line(check, well or check not in _LATE) for check in _CHECKS]
    lines.append(f"{path} check {'passed' if well else 'failed'}\n")
    return Response(200 if well else 500, "\n".join(lines).encode(), TEXT_TYPE)


def _line(check: str, passed: bool) -> str:
    return f"[+]{check} ok" if passed else f"[-]{check} failed: reason withheld"
