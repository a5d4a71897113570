"""The section `istio`: charts, their values, and upgrades by revision."""

from typing import Any

from pydantic import Field

from mesh import versions
from mesh.config.sections.base import Section
from mesh.config.types import ChartRepository, IstioVersion, OptionalRevision, RevisionName, UpgradePhase

Values = dict[str, Any]


class ChartValues(Section):
    """Helm values of the user's, below what the program sets itself."""

    base: Values = Field(default={}, description="Values for the chart `base`.", examples=["{}"])
    istiod: Values = Field(default={}, description="Values for the chart `istiod`.", examples=["{pilot: {}}"])
    gateway: Values = Field(
        default={},
        description="Values for the chart `gateway`, which installs the east-west gateway.",
        examples=["{service: {annotations: {}}}"],
    )
    cni: Values = Field(
        default={},
        description="Values for the chart `cni`, which ambient clusters have.",
        examples=["{cniBinDir: /var/lib/cni/bin}"],
    )
    ztunnel: Values = Field(
        default={},
        description="Values for the chart `ztunnel`, which ambient clusters have.",
        examples=["{resources: {requests: {memory: 256Mi}}}"],
    )


class NextSection(Section):
    """The control plane that a cluster moves to."""

    version: IstioVersion = Field(
        description="Version of the next control plane, newer or older.", examples=[versions.ISTIO]
    )
    revision: RevisionName | None = Field(
        default=None,
        description="Revision of the next control plane. Default: its version with dashes.",
        examples=["1-31-0"],
    )
    phase: UpgradePhase = Field(
        default=UpgradePhase.BESIDE,
        description="How far the upgrade is. `beside`: the next control plane serves only what names its "
        "revision. `moved`: it serves the gateways and all new pods.",
        examples=["moved"],
    )

    @property
    def name(self) -> str:
        """The revision."""
        return self.revision or self.version.replace(".", "-").lower()


class IstioSection(Section):
    """Istio's charts: where they come from and the values they get."""

    version: IstioVersion = Field(
        default=versions.ISTIO, description="Version of Istio and its charts.", examples=[versions.ISTIO]
    )
    revision: OptionalRevision = Field(
        default="",
        description="Revision of the control plane. Default: none. Change it only by way of `next`.",
        examples=["1-31-0"],
    )
    next: NextSection | None = Field(
        default=None,
        description="The next control plane, during an upgrade by revision. See "
        "[Upgrade by revision](runbooks/upgrade-by-revision.md).",
        examples=["{version: 1.31.0}"],
    )
    chart_repository: ChartRepository = Field(
        default=versions.CHART_REPOSITORY,
        description="Helm repository or OCI registry with Istio's charts.",
        examples=[versions.CHART_REPOSITORY],
    )
    values: ChartValues = Field(
        default=ChartValues(),
        description="Helm values for the charts.",
        examples=["{istiod: {}}"],
    )
