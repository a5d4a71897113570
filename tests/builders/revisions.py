"""Two control planes in a cluster, and what leads pods to them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from mesh.live.facts import Istiod, NextRevision
from mesh.live.inspected import ClusterInspection, Injection, Injector
from mesh.live.revisions import read_injectors
from mesh.mappings import Json
from tests.builders.facts import RUNS
from tests.builders.inspections import inspected_cluster
from tests.builders.pods import AnsweringApi

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
NEXT = NextRevision(revision="r2", version="1.32.0")
MOVED = dataclasses.replace(NEXT, moved=True)


def _one(key: str, operator: str, *values: str) -> Json:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


def injecting_webhook(revision: str, tag: str | None = None) -> Json:
    """Return what the chart `istiod` makes for a control plane, or for a tag that leads to it.

    Selectors as in its `templates/mutatingwebhook.yaml` and `templates/revision-tags-mwc.yaml`.
    """
    value = tag or revision
    no_rev, no_injection = _one("istio.io/rev", "DoesNotExist"), _one("istio-injection", "DoesNotExist")
    this, not_false = _one("istio.io/rev", "In", value), _one("sidecar.istio.io/inject", "NotIn", "false")
    selectors = {
        "rev.namespace": ([this, no_injection], [not_false]),
        "rev.object": ([no_rev, no_injection], [not_false, this]),
    }
    if value == "default":
        selectors |= {
            "namespace": ([_one("istio-injection", "In", "enabled")], [not_false]),
            "object": ([no_injection, no_rev], [_one("sidecar.istio.io/inject", "In", "true"), no_rev]),
        }
    name = f"istio-revision-tag-{tag}" if tag else f"istio-sidecar-injector-{revision}"
    labels = {"istio.io/rev": revision, **({"istio.io/tag": tag} if tag else {})}
    return {
        "metadata": {"name": name, "labels": labels},
        "webhooks": [
            {
                "name": f"{prefix}.sidecar-injector.istio.io",
                "namespaceSelector": {"matchExpressions": namespaces},
                "objectSelector": {"matchExpressions": pods},
            }
            for prefix, (namespaces, pods) in selectors.items()
        ],
    }


def injectors(*webhooks: Json) -> tuple[Injector, ...]:
    """Return them as they are read."""
    return read_injectors(AnsweringApi({WEBHOOKS: webhooks}, {}))


def control_planes(**following: Any) -> dict[str, Istiod]:
    """Return both, which run and know all clusters."""
    synced = {"east": "synced", "west": "synced"}
    new = Istiod(workload=RUNS, versions=("1.32.0",), remotes={"istiod-r2-1": synced})
    return {
        "default": Istiod(workload=RUNS, versions=("1.31.0",), remotes={"istiod-1": synced}),
        "r2": dataclasses.replace(new, **following),
    }


def injected(revision: str, version: str) -> Injection:
    """Return what a pod of east gets."""
    return Injection(
        image=f"istio/proxyv2:{version}", revision=revision, network="net-east", cluster_id="east"
    )


def upgrading(
    name: str = "east", *, moved: bool = False, facts: Mapping[str, Any] | None = None, **changes: Any
) -> ClusterInspection:
    """Return a cluster on its way from a control plane without a revision to `r2`; everything is right."""
    serving = ("r2", "1.32.0") if moved else ("default", "1.31.0")
    found = inspected_cluster(
        name,
        facts={"next": MOVED if moved else NEXT, "istiods": control_planes(), **(facts or {})},
        injection=injected(*serving),
        named_injections={"r2": injected("r2", "1.32.0")},
        injectors=injectors(injecting_webhook("r2"), injecting_webhook(serving[0], tag="default")),
        namespaces={"shop": {"istio-injection": "enabled"}, "web": {"istio.io/rev": "default"}, "plain": {}},
        pods=(),
    )
    return dataclasses.replace(found, **changes)
