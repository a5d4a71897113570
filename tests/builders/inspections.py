"""Meshes as `mesh check` inspects them, in which everything is right but for what a test changes."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

from mesh.live.facts import LinkFacts, Pair, PairFacts, RemoteSecret, TokenCheck
from mesh.live.inspected import (
    ClusterInspection,
    Handshake,
    InjectedPod,
    Injection,
    LinkInspection,
    MeshInspection,
    Reach,
)
from tests.builders.certificates import authority
from tests.builders.facts import cluster_facts, observed_trust

NOW = datetime.now(UTC)
ROOT = authority("dev root CA 1", days=(-1, 400))
SECRET = RemoteSecret(name="istio-remote-secret-west", labelled=True, kubeconfigs={"west": ""})


def injected_pod(**changes: Any) -> InjectedPod:
    """Return a pod of the cluster east."""
    pod = InjectedPod(
        namespace="shop",
        name="cart-1",
        owner="deployment/cart",
        image="istio/proxyv2:1.31.0",
        network="net-east",
        cluster_id="east",
    )
    return dataclasses.replace(pod, **changes)


def inspected_cluster(name: str, *, facts: dict[str, Any] | None = None, **changes: Any) -> ClusterInspection:
    """Return a cluster in which everything is right."""
    trust = observed_trust(ROOT, days=(-1, 300))
    inspection = ClusterInspection(
        facts=cluster_facts(name, **{"trust": trust, **(facts or {})}),
        istio="1.31.0",
        kubernetes="v1.36.3",
        clock=0.4,
        injection=Injection(image="istio/proxyv2:1.31.0", network=f"net-{name}", cluster_id=name),
        pods=(injected_pod(network=f"net-{name}", cluster_id=name),),
        services={"shop/cart": frozenset({"80/TCP"})},
        tokens={1: NOW - timedelta(days=3)},
        sees=frozenset({"east", "west"} - {name}),
        members=frozenset({"east", "west", "north"}),
        networks=frozenset({"net-east", "net-west"}),
    )
    return dataclasses.replace(inspection, **changes)


def inspected_mesh(
    east: ClusterInspection | None = None, west: ClusterInspection | None = None, **link: Any
) -> MeshInspection:
    """Return a mesh in which east sees west, and everything is right."""
    caller, target = east or inspected_cluster("east"), west or inspected_cluster("west")
    found = link.pop("found", LinkFacts(secrets=(SECRET,), token=TokenCheck()))
    inspected = LinkInspection(
        pair=PairFacts(caller=caller.facts, target=target.facts, gateways=(target.facts,), link=found),
        caller=caller,
        target=target,
        api_server=Reach(address="203.0.113.2:6443", connect_ms=1.0),
        gateways=(Reach(address="203.0.113.7:15443", connect_ms=1.5),),
        handshakes={"cart.shop.svc.cluster.local": Handshake()},
    )
    closed = [c for c in (caller, target) if c.facts.unreachable or c.facts.refused]
    links = {} if closed else {Pair(caller="east", target="west"): dataclasses.replace(inspected, **link)}
    return MeshInspection(clusters={"east": caller, "west": target}, links=links)
