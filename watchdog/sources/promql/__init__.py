"""LAW: say what a query answered; may raise, may hang; never hide a failure. No series is unknown, never zero.

    source, stanza  what is asked, how often, and as whom
    selector        the expression that says when a sample was taken
    answer          the API's bytes -> samples, or why there are none; pure
    readings        samples -> metrics, each with the age of its own sample; pure
    series          which series there were: one that stops is still told of

Any API that is Prometheus' own (prometheus.io/docs/prometheus/latest/querying/api): Prometheus, Thanos, Google Managed
Prometheus, Cloud Monitoring.
"""

from watchdog.sources.promql.source import PromQL

__all__ = ["PromQL"]
