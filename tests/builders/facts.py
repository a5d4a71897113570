"""Clusters as they were read, in which everything is right but for what a test changes."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from mesh.config.types import DataPlane
from mesh.istio.addresses import PeerAddress
from mesh.live.facts import (
    Ambient,
    Cacerts,
    ClusterFacts,
    Daemon,
    Gateway,
    HboneGateway,
    Istiod,
    ObservedTrust,
    Sample,
    Workload,
    Ztunnel,
)
from tests.builders.certificates import Authority, authority

RUNS = Workload(pods=1, ready=1, injected=1)


ENROLLED = Workload(pods=1, ready=1, labelled=1, enrolled=1)
SCOPES = {
    "serviceScopeConfigs": [
        {
            "servicesSelector": {
                "matchExpressions": [{"key": "istio.io/global", "operator": "In", "values": ["true"]}]
            },
            "scope": "GLOBAL",
        }
    ]
}
"""The mesh configuration of a control plane whose Services are global by their label alone."""
GLOBAL = {"istio.io/global": "true"}


_SYNCED = {"istiod-1": {"east": "synced", "west": "synced"}}


def known(remotes: Mapping[str, Mapping[str, str]]) -> dict[str, Istiod]:
    """Return a control plane whose pods know these clusters."""
    return {"default": Istiod(workload=RUNS, remotes=remotes)}


def loaded(mesh_configs: Mapping[str, Any]) -> dict[str, Istiod]:
    """Return a control plane that runs with these mesh configurations."""
    return {"default": Istiod(workload=RUNS, remotes=_SYNCED, mesh_configs=mesh_configs)}


def told(addresses: Mapping[str, tuple[PeerAddress, ...]]) -> dict[str, Istiod]:
    """Return a control plane that is told these gateways."""
    return {"default": Istiod(workload=RUNS, remotes=_SYNCED, told=addresses)}


def observed_trust(
    root: Authority, *, days: tuple[float, float] = (-1, 1), bundle: str = "", published: str = ""
) -> ObservedTrust:
    """Return the CA of a cluster with an intermediate of `root`, valid within these days from now."""
    intermediate = authority("intermediate", issuer=root, days=days).pem
    cacerts = Cacerts(certificate=intermediate, chain="", roots=bundle or root.pem)
    return ObservedTrust(cacerts=cacerts, published_roots=published or root.pem)


def cluster_facts(name: str, trust: ObservedTrust, **changes: Any) -> ClusterFacts:
    """Return a cluster of a mesh of east and west."""
    facts = ClusterFacts(
        name=name,
        network=f"net-{name}",
        network_label=f"net-{name}",
        exposed=("*.local",),
        istiods={
            "default": Istiod(workload=RUNS, remotes={"istiod-1": {"east": "synced", "west": "synced"}})
        },
        gateway=Gateway(
            service="LoadBalancer",
            workload=RUNS,
            addresses=(PeerAddress(address="203.0.113.7"),),
            hosts=("*.local",),
        ),
        trust=trust,
    )
    return dataclasses.replace(facts, **changes)


def ambient_facts(name: str, trust: ObservedTrust, **changes: Any) -> ClusterFacts:
    """Return a cluster of a mesh of east and west, both with ambient workloads alone, and the sample."""
    sample = Sample(
        service=True, labels=GLOBAL, server=ENROLLED, client=ENROLLED, client_pod="client-1", client_node="n"
    )
    facts = cluster_facts(
        name,
        trust,
        data_plane=DataPlane.AMBIENT,
        has_gateway=False,
        has_hbone_gateway=True,
        exposed=(),
        gateway=Gateway(),
        sample=sample,
        istiods=loaded({"istiod-1": SCOPES}),
        mesh_config=SCOPES,
        ambient=Ambient(
            cni=Daemon(wanted=2, ready=2),
            ztunnel=Ztunnel(daemon=Daemon(wanted=2, ready=2), cluster_id=name, network=f"net-{name}"),
            gateway=HboneGateway(
                network=f"net-{name}",
                listens=True,
                programmed=True,
                addresses=(PeerAddress(address="203.0.113.8", port=15008),),
                workload=RUNS,
            ),
            ztunnels=("ztunnel-a", "ztunnel-b"),
            connected=frozenset({"ztunnel-a", "ztunnel-b"}),
        ),
    )
    return dataclasses.replace(facts, **changes)
