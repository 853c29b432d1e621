"""The resource types that the simulated API server knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
SUBRESOURCE_VERBS = ("get", "patch", "update")


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource type; group, version and plural name it. ``fields`` are the top-level fields besides kind,
    apiVersion and metadata.

    ``generation``: what bumps metadata.generation, as recorded (kube-wire README, point 16): nothing, the spec, or the
    spec and the annotations. ``template``: where its Pod template is ("spec.template"), if it has one. ``stored_as``:
    the type whose objects these are in another version; it has none of its own then.
    ``columns``, of a custom one: (name, type, JSON path) of what ``kubectl get`` prints.
    """

    group: str
    version: str
    plural: str
    singular: str = field(compare=False)
    kind: str = field(compare=False)
    short_names: tuple[str, ...] = field(default=(), compare=False)
    namespaced: bool = field(default=True, compare=False)
    categories: tuple[str, ...] = field(default=(), compare=False)
    subresources: tuple[str, ...] = field(default=(), compare=False)
    generation: tuple[str, ...] = field(default=(), compare=False)
    fields: tuple[str, ...] = field(default=("spec", "status"), compare=False)
    selectable: tuple[str, ...] = field(default=(), compare=False)
    verbs: tuple[str, ...] = field(default=VERBS, compare=False)
    template: str = field(default="", compare=False)
    stored_as: Resource | None = field(default=None, compare=False)
    custom: bool = field(default=False, compare=False)
    columns: tuple[tuple[str, str, str], ...] = field(default=(), compare=False)

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """The name as errors spell it: ``deployments.apps``, ``configmaps``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def prefix(self) -> bytes:
        """How the JSON of each object of this type starts; list items leave it out (point 6)."""
        return f'{{"kind":"{self.kind}","apiVersion":"{self.api_version}",'.encode()

    def key(self, namespace: str, name: str) -> str:
        """The order of these keys is the order of a list, as in etcd."""
        return f"{namespace}/{name}" if self.namespaced else name


def _core(plural: str, singular: str, kind: str, *short: str, **more: object) -> Resource:
    return Resource("", "v1", plural, singular, kind, short, **more)  # type: ignore[arg-type]


def _apps(plural: str, singular: str, kind: str, *short: str, **more: object) -> Resource:
    return Resource("apps", "v1", plural, singular, kind, short, categories=("all",), **more)  # type: ignore[arg-type]


def _asked(group: str, kind: str) -> Resource:
    return Resource(group, "v1", f"{kind.lower()}s", kind.lower(), kind, namespaced=False, verbs=("create",))


_SPEC, _WITHOUT_COLLECTION = ("spec",), tuple(verb for verb in VERBS if verb != "deletecollection")
_SCALE, _TEMPLATE = ("scale", "status"), "spec.template"
_EVENT_FIELDS = (
    "action", "count", "eventTime", "firstTimestamp", "involvedObject", "lastTimestamp", "message", "reason", "related",
    "reportingComponent", "reportingInstance", "series", "source", "type",
)  # fmt: skip
_INVOLVED = tuple(
    f"involvedObject.{field}" for field in ("kind", "namespace", "name", "uid", "apiVersion", "fieldPath")
)

CONFIG_MAPS = _core("configmaps", "configmap", "ConfigMap", "cm", fields=("immutable", "data", "binaryData"))
EVENTS = _core(
    "events", "event", "Event", "ev", fields=_EVENT_FIELDS, selectable=(*_INVOLVED, "reason", "type", "source")
)
NAMESPACES = _core(
    "namespaces", "namespace", "Namespace", "ns", namespaced=False, subresources=("finalize", "status"),
    selectable=("status.phase",), verbs=_WITHOUT_COLLECTION,
)  # fmt: skip
NODES = _core(
    "nodes", "node", "Node", "no", namespaced=False, subresources=("status",), selectable=("spec.unschedulable",)
)
PODS = _core(
    "pods", "pod", "Pod", "po", categories=("all",), subresources=("ephemeralcontainers", "status"), generation=_SPEC,
    selectable=("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase"),
)  # fmt: skip
REPLICATION_CONTROLLERS = _core(
    "replicationcontrollers", "replicationcontroller", "ReplicationController", "rc", categories=("all",),
    subresources=_SCALE, generation=_SPEC, selectable=("status.replicas",), template=_TEMPLATE,
)  # fmt: skip
SECRETS = _core("secrets", "secret", "Secret", fields=("immutable", "data", "stringData", "type"), selectable=("type",))
SERVICE_ACCOUNTS = _core(
    "serviceaccounts", "serviceaccount", "ServiceAccount", "sa",
    subresources=("token",), fields=("secrets", "imagePullSecrets", "automountServiceAccountToken"),
)  # fmt: skip
SERVICES = _core("services", "service", "Service", "svc", categories=("all",), subresources=("status",))
DAEMON_SETS = _apps(
    "daemonsets", "daemonset", "DaemonSet", "ds", subresources=("status",), generation=_SPEC, template=_TEMPLATE
)
DEPLOYMENTS = _apps(
    "deployments", "deployment", "Deployment", "deploy", subresources=_SCALE, generation=("spec", "annotations"),
    template=_TEMPLATE,
)  # fmt: skip
REPLICA_SETS = _apps(
    "replicasets", "replicaset", "ReplicaSet", "rs", subresources=_SCALE, generation=_SPEC, template=_TEMPLATE
)
STATEFUL_SETS = _apps(
    "statefulsets", "statefulset", "StatefulSet", "sts", subresources=_SCALE, generation=_SPEC, template=_TEMPLATE
)
JOBS = Resource(
    "batch", "v1", "jobs", "job", "Job", categories=("all",), subresources=("status",), generation=_SPEC,
    selectable=("status.successful",), template=_TEMPLATE,
)  # fmt: skip
CRON_JOBS = Resource(
    "batch", "v1", "cronjobs", "cronjob", "CronJob", ("cj",), categories=("all",), subresources=("status",),
    generation=_SPEC, template="spec.jobTemplate.spec.template",
)  # fmt: skip
HORIZONTAL_POD_AUTOSCALERS = Resource(
    "autoscaling", "v2", "horizontalpodautoscalers", "horizontalpodautoscaler", "HorizontalPodAutoscaler", ("hpa",),
    categories=("all",), subresources=("status",),
)  # fmt: skip
CUSTOM_RESOURCE_DEFINITIONS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "customresourcedefinition", "CustomResourceDefinition",
    ("crd", "crds"), namespaced=False, categories=("api-extensions",), subresources=("status",), generation=_SPEC,
)  # fmt: skip

# The same objects in another version.
HORIZONTAL_POD_AUTOSCALERS_V1 = replace(HORIZONTAL_POD_AUTOSCALERS, version="v1", stored_as=HORIZONTAL_POD_AUTOSCALERS)
EVENTS_OF_THE_GROUP = replace(EVENTS, group="events.k8s.io", stored_as=EVENTS)

# Stored, so that a whole deployment can be applied; nothing acts on them.
_RBAC, _BINDING = "rbac.authorization.k8s.io", ("roleRef", "subjects")
CLUSTER_ROLES = Resource(
    _RBAC, "v1", "clusterroles", "clusterrole", "ClusterRole", namespaced=False, fields=("aggregationRule", "rules")
)
CLUSTER_ROLE_BINDINGS = Resource(
    _RBAC, "v1", "clusterrolebindings", "clusterrolebinding", "ClusterRoleBinding", namespaced=False, fields=_BINDING
)
ROLES = Resource(_RBAC, "v1", "roles", "role", "Role", fields=("rules",))
ROLE_BINDINGS = Resource(_RBAC, "v1", "rolebindings", "rolebinding", "RoleBinding", fields=_BINDING)
POD_DISRUPTION_BUDGETS = Resource(
    "policy", "v1", "poddisruptionbudgets", "poddisruptionbudget", "PodDisruptionBudget", ("pdb",),
    subresources=("status",), generation=_SPEC,
)  # fmt: skip

ALL = (
    CONFIG_MAPS, EVENTS, NAMESPACES, NODES, PODS, REPLICATION_CONTROLLERS, SECRETS, SERVICE_ACCOUNTS, SERVICES,
    DAEMON_SETS, DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, EVENTS_OF_THE_GROUP,
    HORIZONTAL_POD_AUTOSCALERS, HORIZONTAL_POD_AUTOSCALERS_V1, CRON_JOBS, JOBS,
    POD_DISRUPTION_BUDGETS, CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, CUSTOM_RESOURCE_DEFINITIONS,
)  # fmt: skip
"""In the order in which discovery shows them: of a group, the preferred version first."""

# Asked, and never stored.
REVIEWS = (
    _asked("authentication.k8s.io", "SelfSubjectReview"),
    _asked("authorization.k8s.io", "SelfSubjectAccessReview"),
    _asked("authorization.k8s.io", "SelfSubjectRulesReview"),
)

STORED = tuple(resource for resource in ALL if resource.stored_as is None)
BY_KIND: Mapping[tuple[str, str], Resource] = {(r.api_version, r.kind): r for r in ALL}
BY_NAME: Mapping[str, Resource] = {name: r for r in STORED for name in (r.plural, r.singular, r.kind, *r.short_names)}
"""For Python callers: ``BY_NAME["deploy"]``."""
