"""The section `helloWorld`: the sample."""

from pydantic import Field

from mesh import versions
from mesh.config.sections.base import Section
from mesh.config.types import ImageReference


class HelloWorldSection(Section):
    """A sample that answers calls, and a client to make them from."""

    enabled: bool = Field(
        default=False,
        description="Whether to install the sample. It needs Kubernetes 1.30 or later.",
        examples=["true"],
    )
    image: ImageReference = Field(
        default=versions.HELLO_WORLD_IMAGE,
        description="Image that serves `GET /hello` on port 5000.",
        examples=[versions.HELLO_WORLD_IMAGE],
    )
    client_image: ImageReference = Field(
        default=versions.CLIENT_IMAGE,
        description="Image of the client. It must have `curl` and `sleep`.",
        examples=[versions.CLIENT_IMAGE],
    )
