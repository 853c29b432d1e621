"""LAW: only what the Admin API says of a service counts; whether an instance runs it says only where none can.

Cloud Run by the Admin API v2 over HTTP: services, and the revisions that requests reach.

Only the services that the stanza names, in its one region, are looked at: other services, jobs, worker pools and other
regions are not, and the coverage report says nothing of them. Another region is another stanza.
"""

from watchdog.sources.cloud_run.source import CloudRun, Service

__all__ = ["CloudRun", "Service"]
