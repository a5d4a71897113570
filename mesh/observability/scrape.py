"""What Prometheus scrapes in a cluster: istiod, the east-west gateway, and the other proxies. Pure.

Every series gets the label `cluster`, the cluster that it was scraped in. istiod has a label of that name in
its own metrics, for the remote cluster that they are about: here it is `remote_cluster`.
Ports: `manifests/charts/` in istio/istio; proxies have theirs whatever `enablePrometheusMerge` says.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic.alias_generators import to_camel

from mesh.config.resolved import ClusterConfig
from mesh.istio.names import GATEWAY, GATEWAY_LABEL, ISTIOD, NAMESPACE, revisioned
from mesh.istio.revisions import revisions
from mesh.plan import ClusterPlan

Document: TypeAlias = dict[str, Any]

ISTIOD_JOB = ISTIOD
GATEWAY_JOB = GATEWAY
PROXY_JOB = "istio-proxies"

MONITORS_API = "monitoring.coreos.com/v1"
"""API of the Prometheus Operator."""

_ISTIOD_PORT = "http-monitoring"
_PROXY_PORT = "http-envoy-prom"
_PROXY_PATH = "/stats/prometheus"
_ISTIOD_SERVICE = ("istio", "pilot")
_GATEWAY_PODS = ("istio", GATEWAY_LABEL)
_REMOTE_CLUSTER = (
    {"source_labels": ["exported_cluster"], "target_label": "remote_cluster"},
    {"action": "labeldrop", "regex": "exported_cluster"},
)
_READY = {"action": "keep", "source_labels": ["__meta_kubernetes_pod_ready"], "regex": "true"}
"""A gateway that is not ready gets no traffic."""


@dataclass(frozen=True, kw_only=True)
class Monitor:
    """A ServiceMonitor or a PodMonitor: its kind, name and spec."""

    kind: str
    name: str
    spec: Document


def lacking(cluster: str, plan: ClusterPlan) -> frozenset[tuple[str, str]]:
    """The cluster with each job for which it has nothing to scrape."""
    there = {ISTIOD_JOB: plan.primary is None, GATEWAY_JOB: plan.gateway}
    return frozenset((cluster, job) for job, found in there.items() if not found)


def several(clusters: Iterable[ClusterConfig]) -> dict[str, Sequence[str]]:
    """The Deployments of istiod in those clusters that have more than one."""
    found = {c.name: [revisioned(ISTIOD, revision.name) for revision in revisions(c)] for c in clusters}
    return {name: deployments for name, deployments in found.items() if len(deployments) > 1}


def monitors(cluster: str) -> tuple[Monitor, ...]:
    """The same jobs as objects of the Prometheus Operator."""
    system = {"matchNames": [NAMESPACE]}
    return (
        Monitor(
            kind="ServiceMonitor",
            name=ISTIOD_JOB,
            spec={
                "namespaceSelector": system,
                "selector": {"matchLabels": dict([_ISTIOD_SERVICE])},
                "endpoints": [
                    {
                        "port": _ISTIOD_PORT,
                        "relabelings": _camel(_labels(ISTIOD_JOB, cluster)),
                        "metricRelabelings": _camel(_REMOTE_CLUSTER),
                    }
                ],
            },
        ),
        Monitor(
            kind="PodMonitor",
            name=GATEWAY_JOB,
            spec={
                "namespaceSelector": system,
                "selector": {"matchLabels": dict([_GATEWAY_PODS])},
                "podMetricsEndpoints": [_proxy_endpoint(GATEWAY_JOB, cluster, _READY)],
            },
        ),
        Monitor(
            kind="PodMonitor",
            name=PROXY_JOB,
            spec={
                "namespaceSelector": {"any": True},
                "selector": {
                    "matchExpressions": [
                        {"key": _GATEWAY_PODS[0], "operator": "NotIn", "values": [_GATEWAY_PODS[1]]}
                    ]
                },
                "podMetricsEndpoints": [_proxy_endpoint(PROXY_JOB, cluster)],
            },
        ),
    )


def scrape_configuration(cluster: str) -> Document:
    """A file for `scrape_config_files` of a Prometheus that runs in the cluster."""
    pods = [_keep("pod_container_port_name", _PROXY_PORT)]
    is_gateway = [f"__meta_kubernetes_pod_label_{_GATEWAY_PODS[0]}"]
    own = {"namespaces": {"names": [NAMESPACE]}}
    return {
        "scrape_configs": [
            {
                "job_name": ISTIOD_JOB,
                "kubernetes_sd_configs": [{"role": "endpointslice", **own}],
                "relabel_configs": [
                    _keep(f"service_label_{_ISTIOD_SERVICE[0]}", _ISTIOD_SERVICE[1]),
                    _keep("endpointslice_port_name", _ISTIOD_PORT),
                    *_pod_labels(),
                    *_labels(ISTIOD_JOB, cluster),
                ],
                "metric_relabel_configs": list(_REMOTE_CLUSTER),
            },
            {
                "job_name": GATEWAY_JOB,
                "metrics_path": _PROXY_PATH,
                "kubernetes_sd_configs": [{"role": "pod", **own}],
                "relabel_configs": [
                    *pods,
                    {"action": "keep", "source_labels": is_gateway, "regex": _GATEWAY_PODS[1]},
                    _READY,
                    *_pod_labels(),
                    *_labels(GATEWAY_JOB, cluster),
                ],
            },
            {
                "job_name": PROXY_JOB,
                "metrics_path": _PROXY_PATH,
                "kubernetes_sd_configs": [{"role": "pod"}],
                "relabel_configs": [
                    *pods,
                    {"action": "drop", "source_labels": is_gateway, "regex": _GATEWAY_PODS[1]},
                    *_pod_labels(),
                    *_labels(PROXY_JOB, cluster),
                ],
            },
        ]
    }


def _proxy_endpoint(job: str, cluster: str, *kept: Document) -> Document:
    return {
        "port": _PROXY_PORT,
        "path": _PROXY_PATH,
        "relabelings": _camel([*kept, *_labels(job, cluster)]),
    }


def _labels(job: str, cluster: str) -> list[Document]:
    return [
        {"target_label": "job", "replacement": job},
        {"target_label": "cluster", "replacement": cluster},
    ]


def _pod_labels() -> list[Document]:
    """What the Prometheus Operator adds by itself."""
    return [
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
        {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
    ]


def _keep(label: str, value: str) -> Document:
    return {"action": "keep", "source_labels": [f"__meta_kubernetes_{label}"], "regex": value}


def _camel(relabelings: Sequence[Mapping[str, Any]]) -> list[Document]:
    """Relabelings as the Prometheus Operator spells them."""
    return [{to_camel(key): value for key, value in relabeling.items()} for relabeling in relabelings]
