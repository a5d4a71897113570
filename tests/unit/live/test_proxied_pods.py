"""What carries the traffic of pods."""

from typing import Any

import pytest

from mesh.config.resolved import Connection
from mesh.live.answers import ApiError, UnreachableError
from mesh.live.facts import ProxiedPods
from mesh.live.kubernetes_api import KubernetesApi
from mesh.live.proxied_pods import read_proxied_pods
from mesh.mappings import Json

_CONNECTION = Connection(context="east", path="~/.kube/config")
_HBONE = {"name": "ISTIO_META_ENABLE_HBONE", "value": "true"}


def _pod(
    namespace: str = "shop",
    *containers: str,
    init: tuple[str, ...] = (),
    enrolled: bool = False,
    app: str = "cart",
    phase: str = "Running",
    env: tuple[Json, ...] = (),
) -> Json:
    def named(names: tuple[str, ...]) -> list[dict[str, Any]]:
        return [{"name": name, "env": list(env) if name == "istio-proxy" else []} for name in names]

    annotations = {"ambient.istio.io/redirection": "enabled"} if enrolled else {}
    return {
        "metadata": {"namespace": namespace, "labels": {"app": app}, "annotations": annotations},
        "spec": {"containers": named(containers or ("app",)), "initContainers": named(init)},
        "status": {"phase": phase},
    }


def _read(monkeypatch: pytest.MonkeyPatch, answer: list[Json] | Exception) -> ProxiedPods:
    class Api:
        def list(self, path: str) -> list[Json]:
            assert path == "/api/v1/pods"
            if isinstance(answer, Exception):
                raise answer
            return answer

    monkeypatch.setattr(KubernetesApi, "connect", lambda _: Api())
    return read_proxied_pods(_CONNECTION)


def test_pods_are_counted_by_what_carries_their_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    """A native sidecar is an init container; the agent's annotation says what is enrolled."""
    found = _read(
        monkeypatch,
        [
            _pod("web", enrolled=True),
            _pod("shop", enrolled=True),
            _pod("shop", enrolled=True),
            _pod("shop", "app", "istio-proxy"),
            _pod("shop", "app", init=("istio-proxy",), env=(_HBONE,)),
            _pod("shop"),
        ],
    )
    assert found.enrolled == {"shop": 2, "web": 1}
    assert list(found.enrolled) == ["shop", "web"]
    assert found.sidecars == {"shop": 2}
    assert found.without_hbone == {"shop": 1}


@pytest.mark.parametrize(
    "pod",
    [
        _pod("istio-system", "istio-proxy"),
        _pod("sample", "app", "istio-proxy", app="helloworld"),
        _pod("sample", enrolled=True, app="client"),
        _pod("shop", "app", "istio-proxy", phase="Succeeded"),
        _pod("shop", enrolled=True, phase="Failed"),
    ],
)
def test_what_the_program_moves_itself_and_what_has_ended_does_not_count(
    monkeypatch: pytest.MonkeyPatch, pod: Json
) -> None:
    """Gateways and ztunnel are a proxy and nothing else; HelloWorld goes with an update."""
    assert _read(monkeypatch, [pod]) == ProxiedPods()


def test_others_beside_the_sample_and_like_it_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are the user's."""
    found = _read(monkeypatch, [_pod("sample", enrolled=True), _pod("shop", enrolled=True, app="client")])
    assert found.enrolled == {"sample": 1, "shop": 1}


def test_no_answer_and_an_answer_that_refuses_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the one may pass by itself."""
    assert _read(monkeypatch, UnreachableError("timed out")) == ProxiedPods(unreachable="timed out")
    assert _read(monkeypatch, ApiError(403, "no")) == ProxiedPods(refused="no")
