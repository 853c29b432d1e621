"""LAW: say how subscriptions are configured, and what of it is not as it must be. domain.md §7.

``judgement`` compares, pure; ``source`` asks, and makes facts of it. Nothing here pulls a message.
"""

from watchdog.sources.pubsub_subscriptions.judgement import Bounds, Declared
from watchdog.sources.pubsub_subscriptions.source import PubSubSubscriptions

__all__ = ["Bounds", "Declared", "PubSubSubscriptions"]
