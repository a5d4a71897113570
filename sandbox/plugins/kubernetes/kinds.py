"""What is known about kinds of objects without asking a server."""

import re
from collections.abc import Mapping
from typing import Any

from sandbox.plugins.kubernetes.settings import Settings
from sandbox.plugins.protocol import ProviderError

RELEASE = "kubernetes:helm.sh/v3:Release"

# Kinds outside of namespaces in Kubernetes' own API groups, for when the server cannot be asked
# (`kubectl api-resources --namespaced=false`).
_CLUSTER_SCOPED = frozenset(
    {
        "APIService",
        "CSIDriver",
        "CSINode",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "FlowSchema",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
    }
)

# Fields whose change needs a new object (`forceNew` in provider/pkg/provider/diff.go of
# pulumi/pulumi-kubernetes); the API server refuses to change most of them.
_IDENTITY = ("metadata.name", "metadata.namespace")
_REPLACED: dict[tuple[str, str], tuple[str, ...]] = {
    ("apps", "DaemonSet"): ("spec.selector",),
    ("apps", "Deployment"): ("spec.selector",),
    ("apps", "StatefulSet"): (
        "spec.podManagementPolicy",
        "spec.revisionHistoryLimit",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    ("batch", "Job"): ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    ("policy", "PodDisruptionBudget"): (),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("storage.k8s.io", "StorageClass"): ("parameters", "provisioner"),
    ("", "PersistentVolumeClaim"): (
        "spec.accessModes",
        "spec.selector",
        "spec.storageClassName",
        "spec.volumeName",
    ),
    # Of a pod's specification only these can change; see `replaced_fields`.
    ("", "Pod"): (),
    ("", "ResourceQuota"): ("spec.scopes",),
    ("", "Secret"): ("type",),
    ("", "Service"): ("spec.clusterIP",),
}
_POD_CHANGEABLE = ("spec.activeDeadlineSeconds", "spec.tolerations")


def kind_of_token(token: str) -> tuple[str, str]:
    """Give apiVersion and kind of a type token such as `kubernetes:apps/v1:Deployment`."""
    match = re.fullmatch(r"kubernetes:(?:(?P<group>[^/:]+)/)?(?P<version>[^/:]+):(?P<kind>[^:]+)", token)
    if match is None:
        raise ProviderError(f"{token} is not a type of the Kubernetes provider")
    group, version, kind = match["group"], match["version"], match["kind"]
    return (version if group in (None, "core") else f"{group}/{version}"), kind


def refuse_unsupported(token: str) -> None:
    """Raise ProviderError for types that are not objects of their own."""
    _, kind = kind_of_token(token)
    if token.startswith(("kubernetes:helm.sh/", "kubernetes:yaml/", "kubernetes:kustomize/")):
        raise ProviderError(f"{token} is not served by the sandbox's stand-in for the Kubernetes provider")
    if kind.endswith("Patch") and kind != "Patch":
        raise ProviderError(f"{token}: patch resources are not served by the sandbox's stand-in")
    if kind.endswith("List") and not kind.startswith("List"):
        raise ProviderError(
            "list resources exist for compatibility with YAML manifests and Helm charts, and cannot be "
            "created directly. Use the underlying resource type instead"
        )


def is_cluster_scoped(kind: str) -> bool:
    """Whether the kind is known to be outside of namespaces."""
    return kind in _CLUSTER_SCOPED


def is_crd(obj: Mapping[str, Any]) -> bool:
    """Whether the object defines a custom resource."""
    return obj.get("kind") == "CustomResourceDefinition"


def is_secret(obj: Mapping[str, Any]) -> bool:
    """Whether the object is a Secret of Kubernetes' own."""
    return obj.get("kind") == "Secret" and obj.get("apiVersion") == "v1"


def needs_replacement(obj: Mapping[str, Any], path: tuple[str | int, ...], settings: Settings) -> bool:
    """Whether a change at the path needs a new object; `obj` is the object as it is to become."""
    keys = tuple(str(key) for key in path if not isinstance(key, int))
    group = obj.get("apiVersion", "").rpartition("/")[0]
    kind = obj.get("kind", "")
    if (group, kind) == ("", "Pod") and keys[:1] == ("spec",):
        return not any(_is_at(keys, field) for field in _POD_CHANGEABLE)
    if (group, kind) == ("", "PersistentVolume") and keys[:1] == ("spec",):
        # A volume's source is the one entry of the specification that is a table of its own.
        return len(keys) > 1 and keys[1] not in ("capacity", "accessModes", "claimRef", "mountOptions")
    return any(_is_at(keys, field) for field in (*_IDENTITY, *_replaced_fields(group, kind, obj, settings)))


def _replaced_fields(group: str, kind: str, obj: Mapping[str, Any], settings: Settings) -> tuple[str, ...]:
    fixed = obj.get("immutable") is True
    if (group, kind) == ("", "Secret") and (fixed or not settings.enable_secret_mutable):
        return ("type", "data", "stringData")
    if (group, kind) == ("", "ConfigMap") and (fixed or not settings.enable_config_map_mutable):
        return ("data", "binaryData")
    return _REPLACED.get((group, kind), ())


def _is_at(keys: tuple[str, ...], field: str) -> bool:
    """Whether the path is the field, in it, or above it."""
    wanted = tuple(field.split("."))
    length = min(len(keys), len(wanted))
    return keys[:length] == wanted[:length]
