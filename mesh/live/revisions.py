"""Reads which control plane serves which proxies, by the revision that each pod got when it was made."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mesh.config.resolved import Connection
from mesh.istio.names import INJECTION_STATUS, NO_REVISION, PROXY_CONTAINER, REVISION_LABEL, TAG_LABEL
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.facts import ServedProxies
from mesh.live.inspected import Injector
from mesh.live.kubernetes_api import KubernetesApi
from mesh.live.pods import ENDED, containers
from mesh.mappings import Json, as_map, at

_WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
_HOOK = "sidecar-injector.istio.io"


def read_served_proxies(connection: Connection) -> ServedProxies:
    """How many proxies of a cluster each control plane serves, even if it is down."""
    try:
        pods = KubernetesApi.connect(connection).list("/api/v1/pods")
    except UnreachableError as error:
        return ServedProxies(unreachable=str(error))
    except RefusedError as error:
        return ServedProxies(refused=str(error))
    return ServedProxies(by_revision=served_proxies(pods))


def read_injectors(api: KubernetesApi) -> tuple[Injector, ...]:
    """The webhook configurations by which new pods are injected, of all revisions and tags.

    istiod knows them by the names of their webhooks, too (`pkg/webhooks/webhookpatch.go` in istio/istio).
    """
    found = (_injector(document) for document in api.list(_WEBHOOKS))
    return tuple(injector for injector in found if injector.hooks)


def _injector(document: Json) -> Injector:
    webhooks: Sequence[Json] = document.get("webhooks") or ()
    return Injector(
        name=str(document["metadata"]["name"]),
        revision=str(at(document, "metadata", "labels", REVISION_LABEL) or NO_REVISION),
        tag=at(document, "metadata", "labels", TAG_LABEL),
        hooks=tuple(
            (webhook.get("namespaceSelector") or {}, webhook.get("objectSelector") or {})
            for webhook in webhooks
            if str(webhook["name"]).endswith(_HOOK)
        ),
    )


def read_namespaces(api: KubernetesApi) -> dict[str, Mapping[str, str]]:
    """The labels of each namespace."""
    return {
        str(document["metadata"]["name"]): dict(as_map(at(document, "metadata", "labels")) or {})
        for document in api.list("/api/v1/namespaces")
    }


def served_proxies(pods: Iterable[Json]) -> dict[str, Mapping[str, int]]:
    """How many proxies each control plane serves, by its revision and then by namespace. Pure.

    Counts sidecars, gateways, waypoints and ztunnels that have not ended and are not being deleted: a
    stopping proxy needs nothing more from its control plane.
    """
    found: dict[str, Counter[str]] = {}
    for pod in pods:
        revision = serving_revision(pod)
        if (
            revision
            and at(pod, "status", "phase") not in ENDED
            and "deletionTimestamp" not in pod["metadata"]
        ):
            found.setdefault(revision, Counter()).update([str(pod["metadata"]["namespace"])])
    return {revision: dict(sorted(counted.items())) for revision, counted in sorted(found.items())}


def serving_revision(pod: Json) -> str | None:
    """The revision of the control plane that serves a pod's proxy; None without a proxy. Pure.

    A pod's label may be a tag, and may have been changed since. The injector writes its own revision into an
    annotation (`getInjectionStatus` in `pkg/kube/inject/webhook.go` of istio/istio). Pods that istiod makes
    for a Gateway have another annotation, and so do those of the chart `ztunnel` with a revision.
    """
    if PROXY_CONTAINER not in containers(pod):
        return None
    try:
        status = as_map(json.loads(at(pod, "metadata", "annotations", INJECTION_STATUS) or "{}")) or {}
    except ValueError:
        status = {}
    noted = status.get("revision") or at(pod, "metadata", "annotations", REVISION_LABEL)
    return str(noted or NO_REVISION)
