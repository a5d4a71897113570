"""Objects that may be there: by path or by labels, and who made them."""

import pytest

from mesh.live import objects
from mesh.live.facts import FoundObject, FoundObjects, ObjectAddress
from mesh.live.objects import find_objects
from tests.recordings.recorded import SYSTEM, RecordedApi, Recording

_NAMESPACE = ObjectAddress(path=SYSTEM)
_SERVICE = ObjectAddress(path=f"{SYSTEM}/services/istio-eastwestgateway")
_PODS = ObjectAddress(path=f"{SYSTEM}/pods", selector="app=istiod")


@pytest.fixture
def east(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> RecordedApi:
    """Let the reader connect to the recorded cluster."""
    api = recording.api("east")
    monkeypatch.setattr(objects.KubernetesApi, "connect", lambda _: api)
    monkeypatch.setattr(api, "list", lambda path, **q: RecordedApi.list(api, path, **_without_limit(q)))
    return api


def _without_limit(query: dict[str, str]) -> dict[str, str]:
    """One is enough; the recording has the whole list."""
    assert query.pop("limit") == "1"
    return query


@pytest.mark.usefixtures("east")
def test_what_is_there_is_found_with_its_maker_and_its_release(recording: Recording) -> None:
    """What Helm made says so itself, by a label and by the release that it names."""
    connection = recording.config.clusters["east"].connection
    owner = {f"meta.helm.sh/release-{key}": key for key in ("namespace", "name")}
    recording.object("east", _SERVICE.path)["metadata"]["annotations"] = owner
    found = find_objects(connection, [_NAMESPACE, _SERVICE, _PODS]).by_address
    assert found.keys() == {_NAMESPACE, _SERVICE, _PODS}
    assert found[_SERVICE].release == "namespace/name"
    assert found[_NAMESPACE].release is None
    metadata = recording.object("east", _NAMESPACE.path)["metadata"]
    metadata["managedFields"] = [{"manager": "kubectl-create"}, {"manager": "pulumi-kubernetes"}]
    assert find_objects(connection, [_NAMESPACE]).by_address[_NAMESPACE] == FoundObject(
        maker="kubectl-create"
    )
    recording.object("east", _SERVICE.path)["metadata"]["labels"] = {}
    assert find_objects(connection, [_SERVICE]).by_address[_SERVICE].release is None


@pytest.mark.usefixtures("east")
def test_what_is_not_there_is_not_found(recording: Recording) -> None:
    """Nor is an empty list."""
    connection = recording.config.clusters["east"].connection
    recording.remove("east", _SERVICE.path)
    recording.items("east", _PODS.path, labelSelector="app=istiod").clear()
    assert find_objects(connection, [_SERVICE, _PODS]) == FoundObjects()


@pytest.mark.usefixtures("east")
def test_a_cluster_that_does_not_say_what_is_there_is_not_taken_for_empty(recording: Recording) -> None:
    """Whether it refuses one of the questions, or gives no answer at all."""
    connection = recording.config.clusters["east"].connection
    recording.refuse("east", 403, "forbidden", only="services")
    found = find_objects(connection, [_NAMESPACE, _SERVICE])
    assert not found.by_address
    assert found.unknown
    assert "forbidden" in found.unknown
    recording.disconnect("east")
    assert find_objects(connection, [_NAMESPACE]).unknown
