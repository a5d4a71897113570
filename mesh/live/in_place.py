"""What of trust and credentials is in place in the clusters now, read from their API servers.

The roots that istiod works with are read from the ConfigMap `istio-ca-root-cert`, which istiod itself writes:
it changes only once istiod has taken over what the Secret `cacerts` says. No private key leaves this module.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

import yaml

from mesh.config.resolved import Connection, StackConfig
from mesh.live.kubernetes_api import Api, ApiError, Json, UnreachableError
from mesh.mappings import as_map

_SYSTEM = "/api/v1/namespaces/istio-system"
_ISTIOD = "/apis/apps/v1/namespaces/istio-system/deployments/istiod"
_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class Cacerts:
    """The Secret `cacerts` as PEM texts, empty where it lacks the key."""

    certificate: str
    chain: str
    roots: str
    private_key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class InPlace:
    """One cluster as it is; None and empty where there is nothing, `unreachable` where nobody answered.

    `published` is the bundle of roots (PEM) that istiod works with; `tokens` the name of the token's Secret
    in each remote secret, by the cluster that it is for; `network` the label of istiod's namespace.
    """

    unreachable: str | None = None
    published: str | None = None
    cacerts: Cacerts | None = None
    network: str | None = None
    tokens: Mapping[str, str] = field(default_factory=dict[str, str])
    istiod: bool = False
    multi_root: bool = False
    xds_agent: bool = False


def read_all(config: StackConfig) -> dict[str, InPlace]:
    """What is in place in every cluster of the stack, by name; all are asked at once."""
    connections = {name: cluster.connection for name, cluster in config.clusters.items()}
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return dict(zip(connections, pool.map(read, connections.values()), strict=True))


def read(connection: Connection) -> InPlace:
    """What is in place in one cluster."""
    try:
        api = Api.connect(connection)
        namespace = api.find(_SYSTEM)
        if namespace is None:
            return InPlace()
        settings = api.find(f"{_SYSTEM}/configmaps/istio")
        istiod = api.find(_ISTIOD)
        return InPlace(
            published=_data(api.find(f"{_SYSTEM}/configmaps/istio-ca-root-cert")).get("root-cert.pem"),
            cacerts=_cacerts(api.find(f"{_SYSTEM}/secrets/cacerts")),
            network=_labels(namespace).get("topology.istio.io/network"),
            tokens=_tokens(api),
            istiod=istiod is not None,
            multi_root=_environment(istiod).get("ISTIO_MULTIROOT_MESH", "").lower() == "true",
            xds_agent=_proxy_metadata(settings).get("PROXY_CONFIG_XDS_AGENT", "").lower() == "true",
        )
    except (UnreachableError, ApiError) as error:
        return InPlace(unreachable=str(error))


def token_secret(kubeconfig: str) -> str | None:
    """The Secret that the token in a remote secret's kubeconfig comes from, as the token itself says it."""
    try:
        document = as_map(yaml.safe_load(kubeconfig)) or {}
        token = str(document["users"][0]["user"]["token"])
        body = token.split(".")[1]
        claims: Any = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return str(claims["kubernetes.io/serviceaccount/secret.name"])
    except (yaml.YAMLError, LookupError, TypeError, ValueError):
        return None


def _tokens(api: Api) -> dict[str, str]:
    found = api.list(f"{_SYSTEM}/secrets", labelSelector="istio/multiCluster=true")
    kubeconfigs = {cluster: text for secret in found for cluster, text in _decoded(secret).items()}
    named = {cluster: token_secret(text) for cluster, text in kubeconfigs.items()}
    return {cluster: name for cluster, name in named.items() if name}


def _cacerts(secret: Json | None) -> Cacerts | None:
    if secret is None:
        return None
    data = _decoded(secret)
    return Cacerts(
        certificate=data.get("ca-cert.pem", ""),
        chain=data.get("cert-chain.pem", ""),
        roots=data.get("root-cert.pem", ""),
        private_key=data.get("ca-key.pem", ""),
    )


def _decoded(secret: Json) -> dict[str, str]:
    texts: dict[str, str] = {}
    for key, value in _data(secret).items():
        try:
            texts[key] = base64.b64decode(value).decode()
        except (binascii.Error, UnicodeDecodeError):
            texts[key] = ""
    return texts


def _data(found: Json | None) -> Mapping[str, str]:
    return cast(Mapping[str, str], (found or {}).get("data") or {})


def _labels(found: Json) -> Mapping[str, str]:
    return cast(Mapping[str, str], found["metadata"].get("labels") or {})


def _environment(deployment: Json | None) -> dict[str, str]:
    spec = (deployment or {}).get("spec", {}).get("template", {}).get("spec", {})
    containers = cast(Sequence[Json], spec.get("containers") or [])
    pairs = [pair for c in containers for pair in cast(Sequence[Json], c.get("env") or [])]
    return {pair["name"]: str(pair.get("value", "")) for pair in pairs}


def _proxy_metadata(settings: Json | None) -> dict[str, str]:
    mesh = as_map(yaml.safe_load(_data(settings).get("mesh", ""))) or {}
    defaults = as_map(mesh.get("defaultConfig")) or {}
    return {key: str(value) for key, value in (as_map(defaults.get("proxyMetadata")) or {}).items()}
