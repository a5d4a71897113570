"""Which control plane serves which proxies, from the pods alone."""

import json
from typing import Any

import pytest

from mesh.config.resolved import Connection
from mesh.live.answers import ApiError, UnreachableError
from mesh.live.facts import ServedProxies
from mesh.live.kubernetes_api import KubernetesApi
from mesh.live.revisions import read_served_proxies, served_proxies, serving_revision
from mesh.mappings import Json
from tests.builders.pods import AnsweringApi, ready_pod, with_proxy

_CONNECTION = Connection(context="east", path="~/.kube/config")


def _proxy(
    namespace: str = "shop", *, status: Any = None, noted: str | None = None, **metadata: Any
) -> dict[str, Any]:
    annotations = {
        **(
            {"sidecar.istio.io/status": status if isinstance(status, str) else json.dumps(status)}
            if status
            else {}
        ),
        **({"istio.io/rev": noted} if noted else {}),
    }
    return with_proxy(ready_pod("cart-1", namespace=namespace, annotations=annotations, **metadata))


@pytest.mark.parametrize(
    ("pod", "revision"),
    [
        (_proxy(status={"revision": "r2"}, labels={"istio.io/rev": "prod"}), "r2"),
        (_proxy(status={"revision": "r2"}, noted="r1"), "r2"),
        (_proxy(noted="r1"), "r1"),
        (_proxy(status="[", noted="r1"), "r1"),
        (_proxy(status=["r2"]), "default"),
        (_proxy(), "default"),
        (with_proxy(ready_pod("ztunnel-a", annotations={"istio.io/rev": "r2"}), "proxy", "ztunnel"), "r2"),
        (with_proxy(ready_pod("ztunnel-a"), "proxy", "ztunnel"), "default"),
        (ready_pod("cart-1", labels={"istio.io/rev": "r2"}), None),
    ],
)
def test_the_injector_has_noted_which_control_plane_serves_a_pod(pod: Json, revision: str | None) -> None:
    """A label of the pod's own may be the tag of another revision by now."""
    assert serving_revision(pod) == revision


def test_proxies_are_counted_by_revision_and_namespace() -> None:
    """Those that have ended, or are on their way out, need no control plane."""
    ended = _proxy("jobs", status={"revision": "r1"})
    ended["status"] = {"phase": "Succeeded"}
    pending = _proxy("web", status={"revision": "r1"})
    pending["status"] = {"phase": "Pending"}
    assert served_proxies(
        [
            _proxy("web", status={"revision": "default"}),
            _proxy("shop", status={"revision": "r1"}),
            _proxy("shop", status={"revision": "r1"}),
            _proxy("old", status={"revision": "r1"}, deletionTimestamp="2026-11-30T10:00:00Z"),
            ended,
            pending,
            ready_pod("coredns", namespace="kube-system"),
        ]
    ) == {"default": {"web": 1}, "r1": {"shop": 2, "web": 1}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([_proxy(status={"revision": "r1"})], ServedProxies(by_revision={"r1": {"shop": 1}})),
        (UnreachableError("timed out"), ServedProxies(unreachable="timed out")),
        (ApiError(403, "pods is forbidden"), ServedProxies(refused="pods is forbidden")),
    ],
)
def test_a_cluster_is_asked_for_its_pods_alone(
    answer: list[Json] | Exception, expected: ServedProxies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No control plane is asked: the one in question may be down."""

    def connect(_: Connection) -> KubernetesApi:
        if isinstance(answer, Exception):
            raise answer
        return AnsweringApi({"/api/v1/pods": answer}, {})

    monkeypatch.setattr(KubernetesApi, "connect", connect)
    assert read_served_proxies(_CONNECTION) == expected
