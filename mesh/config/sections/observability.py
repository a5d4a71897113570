"""The sections `observability` and `kiali`."""

from pydantic import Field

from mesh.config.sections.base import Section
from mesh.config.types import DnsLabel


class ObservabilitySection(Section):
    """Metrics and alerts of the mesh in a cluster with the Prometheus Operator."""

    enabled: bool = Field(
        default=False,
        description="Whether to install alerts, monitors and a Grafana dashboard, and to count connections "
        "at the east-west gateway. The cluster must have the Prometheus Operator. See "
        "[Observability](observability.md).",
        examples=["true"],
    )
    labels: dict[str, str] = Field(
        default={},
        description="Labels of the PrometheusRule and the monitors, by which Prometheus selects them.",
        examples=["{release: kube-prometheus-stack}"],
    )


class KialiSection(Section):
    """A Kiali that shows all clusters of the stack."""

    cluster: DnsLabel | None = Field(
        default=None,
        description="Cluster in which Kiali runs. It gets a Secret by which Kiali can read the others.",
        examples=["east"],
    )
    namespace: DnsLabel = Field(
        default="istio-system",
        description="Namespace of Kiali, which must exist.",
        examples=["istio-system"],
    )
