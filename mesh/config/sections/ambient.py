"""What ambient clusters need: the section `gatewayApi`, and `stubs` of a cluster."""

from typing import Annotated

from pydantic import Field

from mesh import versions
from mesh.config.sections.base import Section
from mesh.config.types import DnsLabel, Port


class GatewayApiSection(Section):
    """The definitions of the Gateway API, which ambient clusters need."""

    manifest: Annotated[str, Field(min_length=1)] = Field(
        default=versions.GATEWAY_API_MANIFEST,
        description="URL or path of the manifest with the definitions, for clusters that have none.",
        examples=[versions.GATEWAY_API_MANIFEST],
    )


class StubSection(Section):
    """A service of other clusters that ambient workloads of a cluster call."""

    namespace: DnsLabel = Field(description="Its namespace, which must exist.", examples=["shop"])
    name: DnsLabel = Field(description="Its name.", examples=["cart"])
    ports: Annotated[dict[DnsLabel, Port], Field(min_length=1)] = Field(
        description="Its ports, by name.", examples=["{http: 80}"]
    )
