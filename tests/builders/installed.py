"""Members of meshes that other tools have built, as they were read; names and values are invented."""

import base64
import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from mesh.importing.member import Member
from mesh.kubeconfig.read import endpoint
from mesh.live.facts import (
    Cacerts,
    GatewayInstalled,
    HelmRelease,
    InstalledMesh,
    ObservedControlPlane,
    ObservedTrust,
    RemoteSecret,
)
from mesh.mappings import deep_merge
from tests.builders.certificates import Authority, authority
from tests.builders.kubeconfigs import kubeconfig

GUIDES_SELECTOR = {"app": "istio-eastwestgateway", "istio": "eastwestgateway"}


def token(account: str, secret: str) -> str:
    """Return a token of a service account; nobody has signed it."""
    claims = {
        "kubernetes.io/serviceaccount/service-account.name": account,
        "kubernetes.io/serviceaccount/secret.name": secret,
    }
    return f"header.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.signature"


def remote_secret(remote: str, *, server: str = "", user: Mapping[str, Any] | None = None) -> RemoteSecret:
    """Return what `istioctl create-remote-secret` makes."""
    tokens = token("istio-reader-service-account", "istio-reader-service-account-istio-remote-secret-token")
    text = kubeconfig(
        {remote: server or f"https://{remote}.example.com:6443"},
        current=remote,
        user=user or {"token": tokens},
    )
    return RemoteSecret(name=f"istio-remote-secret-{remote}", labelled=True, kubeconfigs={remote: text})


def identity(name: str, *, mesh_id: str = "shop") -> dict[str, Any]:
    """Return the values of Istio's guide for several clusters."""
    return {
        "global": {"meshID": mesh_id, "multiCluster": {"clusterName": name}, "network": f"network-{name}"}
    }


def trust(root: Authority, name: str) -> ObservedTrust:
    """Return the CA of a cluster, as the guide has it made."""
    own = authority(f"intermediate of {name}", issuer=root, path_length=0)
    return ObservedTrust(
        cacerts=Cacerts(certificate=own.pem, chain=own.pem + root.pem, roots=root.pem),
        published_roots=root.pem,
    )


def installed(name: str, root: Authority, *peers: str, **changes: Any) -> InstalledMesh:
    """Return what every kind of mesh has: istiod, its CA, its remote secrets, its gateway."""
    found = InstalledMesh(
        identity=f"uid-of-{name}",
        network=f"network-{name}",
        trust=trust(root, name),
        control_plane=ObservedControlPlane(
            cluster_id=name,
            mesh_id="shop",
            network=f"network-{name}",
            mesh_config={"trustDomain": "cluster.local"},
        ),
        version="1.31.0",
        revisions=("default",),
        environment={"CLUSTER_ID": name, "REVISION": "default", "POD_NAME": ""},
        remote_secrets=tuple(remote_secret(peer) for peer in peers),
        gateway=GatewayInstalled(type="LoadBalancer", selector=GUIDES_SELECTOR),
        exposing={("istio-system", "cross-network-gateway"): ("*.local",)},
    )
    return dataclasses.replace(found, **changes)


def by_helm(name: str, root: Authority, *peers: str, **changes: Any) -> InstalledMesh:
    """Return a mesh of Istio's guide with Helm, and some values of its user's."""
    values = deep_merge(
        identity(name), {"meshConfig": {"accessLogFile": "/dev/stdout"}, "resources": {"limits": {"cpu": 2}}}
    )
    releases = (
        HelmRelease(name="istio-base", chart="base", version="1.31.0", values={"defaultRevision": "default"}),
        HelmRelease(name="istiod", chart="istiod", version="1.31.0", values=values),
        HelmRelease(
            name="istio-eastwestgateway",
            chart="gateway",
            version="1.31.0",
            values={
                "name": "istio-eastwestgateway",
                "networkGateway": f"network-{name}",
                "service": {"annotations": {"zone": name}},
            },
        ),
    )
    return installed(name, root, *peers, releases=releases, values=values, **changes)


def by_terraform(name: str, root: Authority, *peers: str, **changes: Any) -> InstalledMesh:
    """Return releases as modules for Terraform name them, with the gateway in a namespace of its own."""
    releases = (
        HelmRelease(name="base", chart="base", version="1.30.3", values={}),
        HelmRelease(
            name="istiod",
            chart="istiod",
            version="1.31.0",
            values=deep_merge(identity(name), {"pilot": {"autoscaleMin": 2}}),
        ),
    )
    made = {"gateway": None, "other_gateways": (("istio-ingress", "gateway"),), **changes}
    return installed(name, root, *peers, releases=releases, **made)


def by_istioctl(name: str, root: Authority, *peers: str, **changes: Any) -> InstalledMesh:
    """Return what `istioctl install` and the guide's script for the gateway make; there is no release."""
    values = deep_merge(
        identity(name),
        {
            "defaultRevision": "",
            "gateways": {"istio-egressgateway": {}, "istio-ingressgateway": {}},
            "global": {
                "configValidation": True,
                "hub": "registry.istio.io/release",
                "istioNamespace": "istio-system",
                "tag": "1.31.0",
            },
            "meshConfig": {"enablePrometheusMerge": False},
            "pilot": {"cni": {"enabled": False}, "enabled": True},
            "ztunnel": {"resourceName": "ztunnel"},
        },
    )
    gateway = GatewayInstalled(
        type="NodePort",
        annotations={"zone": name, "kubectl.kubernetes.io/last-applied-configuration": "{}"},
        selector={**GUIDES_SELECTOR, "topology.istio.io/network": f"network-{name}"},
    )
    environment = {"CLUSTER_ID": name, "PILOT_ENABLE_ALPN_FILTER": "false", "POD_NAME": ""}
    made = {"values": values, "environment": environment, "gateway": gateway, **changes}
    return installed(name, root, *peers, **made)


def by_ristioctl(name: str, root: Authority, *peers: str, **changes: Any) -> InstalledMesh:
    """Return what `ristioctl` makes by `istioctl`: metadata for proxies, and a relay's kubeconfig."""
    metadata = {"ISTIO_META_DNS_CAPTURE": "true", "ISTIO_META_DNS_AUTO_ALLOCATE": "true"}
    found = by_istioctl(name, root, **changes)
    relay = {"client-certificate-data": "Y2VydA==", "client-key-data": "a2V5"}
    secrets = tuple(remote_secret(p, server="https://relay.example.com/" + p, user=relay) for p in peers)
    mesh_config = {"enablePrometheusMerge": False, "defaultConfig": {"proxyMetadata": metadata}}
    running = found.control_plane
    assert running is not None
    return dataclasses.replace(
        found,
        values={**(found.values or {}), "meshConfig": mesh_config},
        control_plane=dataclasses.replace(running, mesh_config=mesh_config),
        remote_secrets=secrets,
    )


def member(found: InstalledMesh, context: str) -> Member:
    """Return the cluster that a context leads to."""
    name = found.control_plane.cluster_id if found.control_plane else context
    text = kubeconfig({context: f"https://{name}.example.com:6443"})
    return Member(context=context, reached_at=endpoint(text, context), found=found)
