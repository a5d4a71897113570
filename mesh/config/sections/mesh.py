"""The section `mesh`: what all clusters share."""

from pydantic import Field

from mesh.config.sections.base import Section
from mesh.config.types import DnsLabel, DnsName


class MeshSection(Section):
    """What all clusters of the mesh share."""

    id: DnsLabel = Field(description="Istio's mesh ID.", examples=["dev"])
    trust_domain: DnsName = Field(
        default="cluster.local",
        description="Trust domain of all workload identities.",
        examples=["cluster.local"],
    )
