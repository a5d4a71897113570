"""Rules, monitors and the dashboard in a cluster with the Prometheus Operator and Grafana."""

from collections.abc import Mapping
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apiextensions import CustomResource

from mesh.config.resolved import ClusterConfig
from mesh.observability.names import DASHBOARD, RULES
from mesh.observability.rules import rule_groups
from mesh.observability.scrape import MONITORS_API, Document, lacking, monitors, several
from mesh.plan import ClusterPlan

_DASHBOARD_FILE = Path(__file__).with_name("dashboard.json")
# The default of the sidecar of Grafana's chart, which takes dashboards from all namespaces if it may.
_DASHBOARD_LABELS = {"grafana_dashboard": "1"}


def dashboard() -> str:
    """The Grafana dashboard, as JSON."""
    return _DASHBOARD_FILE.read_text(encoding="utf-8")


class Monitoring(pulumi.ComponentResource):
    """A PrometheusRule, the monitors and a ConfigMap with the dashboard.

    It owns neither the Prometheus Operator with its definitions, nor Prometheus, nor Grafana.
    """

    def __init__(
        self,
        name: str,
        cluster: ClusterConfig,
        plan: ClusterPlan,
        *,
        namespace: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare them."""
        super().__init__("mesh:index:Monitoring", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        def declare(suffix: str, kind: str, object_name: str, spec: Document) -> None:
            metadata: Mapping[str, pulumi.Input[object]] = {
                "name": object_name,
                "namespace": namespace,
                "labels": cluster.observability.labels,
            }
            CustomResource(
                f"{name}-{suffix}",
                api_version=MONITORS_API,
                kind=kind,
                metadata=metadata,
                spec=spec,
                opts=child,
            )

        rules = rule_groups(
            {cluster.name: len(plan.remotes)},
            lacking=lacking(cluster.name, plan),
            several=several([cluster]),
        )
        declare("rules", "PrometheusRule", RULES, rules)
        for monitor in monitors(cluster.name):
            declare(monitor.name, monitor.kind, monitor.name, monitor.spec)
        kubernetes.core.v1.ConfigMap(
            f"{name}-dashboard",
            metadata={"name": DASHBOARD, "namespace": namespace, "labels": _DASHBOARD_LABELS},
            data={"istio-mesh.json": dashboard()},
            opts=child,
        )
