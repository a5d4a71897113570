"""Clusters as they were read, in which everything is right but for what a test changes."""

import dataclasses
from typing import Any

from mesh.istio.addresses import PeerAddress
from mesh.live.facts import Cacerts, ClusterFacts, Gateway, ObservedTrust, Workload
from tests.builders.certificates import Authority, authority

RUNS = Workload(pods=1, ready=1, injected=1)


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
        istiod=RUNS,
        remotes={"istiod-1": {"east": "synced", "west": "synced"}},
        gateway=Gateway(
            service="LoadBalancer",
            workload=RUNS,
            addresses=(PeerAddress(address="203.0.113.7"),),
            hosts=("*.local",),
        ),
        trust=trust,
    )
    return dataclasses.replace(facts, **changes)
