"""LAW: say what was seen of the cluster; may raise, may hang; never hide a failure. Only ``ports.Kubernetes`` is asked.

    source, stanza     what is configured           streams     what is looked at, how often, and what it proves
    listing, reflector list, watch, resume, relist  store       of two looks at one object, which is the newer
    objects, resources the API's shapes and paths   inventory   objects, indexed: what one change touches
    config_maps, workloads      objects -> facts, pure          telling  inventory -> facts, and what is gone
    conditions                  what is wrong with workloads and nodes, beside all this

A WATCH tells of a change in milliseconds and proves nothing while it is silent; the direct reads beside it prove
something every second. Both write to one inventory; no event of any object is lost or merged on the way to its facts.
"""

from watchdog.sources.kubernetes.source import Kubernetes

__all__ = ["Kubernetes"]
