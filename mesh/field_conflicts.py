"""Who wins where somebody else has changed a field that the program sets: the program."""

from typing import Any, cast

import pulumi

_FORCE = "pulumi.com/patchForce"
_OBJECTS = "kubernetes:"
_RELEASES = "kubernetes:helm.sh/"


def take_back(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
    """Let an update of an object in a cluster take back its fields; without it, it fails with a conflict.

    Read by the kubernetes provider (`pkg/metadata/annotations.go` in pulumi/pulumi-kubernetes). The setting
    of the provider for it, `enablePatchForce`, is newer.
    """
    metadata = args.props.get("metadata")
    if not args.type_.startswith(_OBJECTS) or args.type_.startswith(_RELEASES) or metadata is None:
        return pulumi.ResourceTransformationResult(args.props, args.opts)
    known = cast(dict[str, Any], metadata)
    annotations: dict[str, Any] = {**(known.get("annotations") or {}), _FORCE: "true"}
    props: dict[str, Any] = {**args.props, "metadata": {**known, "annotations": annotations}}
    return pulumi.ResourceTransformationResult(props, args.opts)
