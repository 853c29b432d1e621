"""LAW: count the other replicas that say themselves that they live; whoever says nothing does not, and who cannot be
asked for is unknown.

``livez`` asks one replica, ``memories`` what it knows of alerts; ``pods`` tells what the API server says of them;
``source`` makes facts of all.
"""

from watchdog.sources.replicas.livez import Answered
from watchdog.sources.replicas.pods import Pods
from watchdog.sources.replicas.source import OtherReplicas

__all__ = ["Answered", "OtherReplicas", "Pods"]
