"""A namespace that the mesh needs, made or only labelled."""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

# A patch that Pulumi was killed at is made again. Without a fixed name it would get another random one, and a
# label with two owners stays when one of them goes.
FIELD_MANAGER = {"pulumi.com/patchFieldManager": "istio-mesh"}


def namespace(
    logical_name: str,
    name: str,
    labels: Mapping[str, str],
    *,
    annotations: Mapping[str, str] | None = None,
    kept: bool,
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """The namespace's name, once it exists and has the labels and annotations.

    With `kept` it was there before the stack: it gets these, and loses no more than them with the stack.
    """
    if kept:
        patch = kubernetes.core.v1.NamespacePatch(
            logical_name,
            metadata={
                "name": name,
                "labels": labels,
                "annotations": {**FIELD_MANAGER, **(annotations or {})},
            },
            opts=opts,
        )
        return patch.metadata.apply(lambda _: name)
    metadata: ObjectMetaArgsDict = {"name": name, "labels": labels}
    if annotations:
        metadata["annotations"] = annotations
    made = kubernetes.core.v1.Namespace(logical_name, metadata=metadata, opts=opts)
    return made.metadata.name
