"""Reads a cluster of a mesh that another tool built: Helm, istioctl, Terraform or a script."""

import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mesh.config.resolved import Connection
from mesh.istio.names import GATEWAY, ISTIOD, ISTIOD_PODS, NAMESPACE, NETWORK_LABEL, ZTUNNEL
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.facts import GatewayInstalled, HelmRelease, InstalledMesh
from mesh.live.gateways import passed_through
from mesh.live.interrupted import HELM_RECORD
from mesh.live.istio_system import (
    SYSTEM,
    istiod_environment,
    network_label,
    read_control_plane,
    read_identity,
    read_remote_secrets,
    read_trust,
    revision_of,
)
from mesh.live.kubernetes_api import KubernetesApi
from mesh.mappings import Json, as_map, at

_DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
_ZTUNNEL = f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets/{ZTUNNEL}"
_ISTIO_GATEWAYS = "/apis/networking.istio.io/v1/gateways"
_VALUES = f"{SYSTEM}/configmaps/values"
"""The chart makes it for debugging: `templates/configmap-values.yaml` of the chart `istiod`."""


def read_installed(connection: Connection) -> InstalledMesh:
    """What a cluster has of a mesh."""
    try:
        api = KubernetesApi.connect(connection)
        api.get("/version")  # what answers "not found" to everything is not an empty cluster
        istiods = api.list(_DEPLOYMENTS, labelSelector=ISTIOD_PODS)
        istiod = next((one for one in istiods if at(one, "metadata", "name") == ISTIOD), None)
        return InstalledMesh(
            identity=read_identity(api),
            network=network_label(api.find(SYSTEM)),
            trust=read_trust(api),
            control_plane=read_control_plane(api, istiod) if istiod else None,
            version=_version(istiod),
            revisions=tuple(sorted(set(map(revision_of, istiods)))),
            values=_values(api.find(_VALUES)),
            environment=istiod_environment(istiod) if istiod else {},
            releases=tuple(_releases(api)),
            remote_secrets=read_remote_secrets(api),
            gateway=_gateway(api),
            other_gateways=tuple(_other_gateways(api)),
            exposing=dict(_exposing(api)),
            ambient=api.find(_ZTUNNEL) is not None,
        )
    except UnreachableError as error:
        return InstalledMesh(unreachable=str(error))
    except RefusedError as error:
        return InstalledMesh(refused=str(error))


def _version(istiod: Json | None) -> str | None:
    """From its image, whose tag may end with a variant; from its chart if the image has only a digest."""
    containers: Sequence[Json] = at(istiod, "spec", "template", "spec", "containers") or []
    images = (str(container.get("image")).partition("@")[0] for container in containers)
    tags = [image.rpartition(":")[2] for image in images if ":" in image.rpartition("/")[2]]
    tag = next(iter(tags), None) or at(istiod, "metadata", "labels", "app.kubernetes.io/version")
    return tag.removesuffix("-distroless").removesuffix("-debug") if tag else None


def _values(config_map: Json | None) -> Mapping[str, Any] | None:
    """What the chart was given, without its own defaults."""
    try:
        return as_map(json.loads(at(config_map, "data", "original-values") or "null"))
    except ValueError:
        return None


def _releases(api: KubernetesApi) -> Iterator[HelmRelease]:
    """Helm keeps a release as compressed JSON, in base64 inside the base64 of the Secret.

    Source: `encodeRelease` in `pkg/storage/driver/util.go` of helm/helm.
    """
    secrets = api.list(
        f"{SYSTEM}/secrets", fieldSelector=f"type={HELM_RECORD}", labelSelector="owner=helm,status=deployed"
    )
    for secret in secrets:
        try:
            packed = base64.b64decode(base64.b64decode(at(secret, "data", "release") or ""))
            text = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
            release = as_map(json.loads(text)) or {}
        except (binascii.Error, OSError, EOFError, ValueError, zlib.error):
            continue
        metadata = as_map(at(release, "chart", "metadata")) or {}
        yield HelmRelease(
            name=str(release.get("name")),
            chart=str(metadata.get("name")),
            version=str(metadata.get("version")),
            values=as_map(release.get("config")) or {},
        )


def _gateway(api: KubernetesApi) -> GatewayInstalled | None:
    service = api.find(f"{SYSTEM}/services/{GATEWAY}")
    if service is None:
        return None
    deployment = api.find(f"{_DEPLOYMENTS}/{GATEWAY}")
    return GatewayInstalled(
        type=str(at(service, "spec", "type")),
        annotations=_texts(at(service, "metadata", "annotations")),
        source_ranges=tuple(map(str, at(service, "spec", "loadBalancerSourceRanges") or ())),
        selector=_texts(at(deployment, "spec", "selector", "matchLabels")),
    )


def _other_gateways(api: KubernetesApi) -> Iterator[tuple[str, str]]:
    for service in api.list("/api/v1/services", labelSelector=NETWORK_LABEL):
        found = str(service["metadata"]["namespace"]), str(service["metadata"]["name"])
        if found != (NAMESPACE, GATEWAY):
            yield found


def _exposing(api: KubernetesApi) -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
    for gateway in api.list(_ISTIO_GATEWAYS):
        if hosts := tuple(passed_through(gateway)):
            metadata = gateway["metadata"]
            yield (str(metadata["namespace"]), str(metadata["name"])), hosts


def _texts(value: object) -> dict[str, str]:
    return {key: str(text) for key, text in (as_map(value) or {}).items()}
