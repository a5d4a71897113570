"""Pods and documents as an API server gives them."""

from mesh.live.kubernetes_api import secret_texts
from mesh.live.pods import runs, workload
from mesh.mappings import at


def test_a_pod_counts_once_all_of_it_is_ready() -> None:
    """One that is on its way out does not count at all."""
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}, "spec": {}, "metadata": {}}
    proxied = {**ready, "spec": {"initContainers": [{"name": "istio-proxy"}]}}
    leaving = {**ready, "metadata": {"deletionTimestamp": "now"}}
    starting = {**ready, "status": {}}
    assert [runs(pod) for pod in (ready, leaving, starting)] == [True, False, False]
    counted = workload([ready, proxied, leaving, starting])
    assert (counted.pods, counted.ready, counted.injected) == (3, 2, 1)


def test_a_path_into_nothing_is_none() -> None:
    """Whatever is missing on the way."""
    document = {"a": {"b": {"c": 1}}, "x": [1]}
    assert at(document, "a", "b", "c") == 1
    assert at(document, "a", "x", "c") is None
    assert at(document, "x", "y") is None
    assert at(None, "a") is None


def test_a_value_that_cannot_be_decoded_hides_no_other_key() -> None:
    """A remote secret with one broken entry still has its other entries."""
    secret = {"data": {"west": "YQ==", "binary": "/w==", "broken": "not base64!"}}
    assert secret_texts(secret) == {"west": "a", "binary": "", "broken": ""}
    assert secret_texts(None) == secret_texts({}) == {}
