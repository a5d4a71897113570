"""What an interrupted update has left, and what is done about it."""

from typing import Any

from mesh.live.facts import HelmRevision
from mesh.recovery import (
    PendingOperation,
    Recovery,
    pending_operations,
    recovered_state,
    recovery,
    release_names,
)
from tests.builders.stacks import stack_config

_PREFIX = "urn:pulumi:dev::istio-mesh::mesh:index:Mesh$mesh:index:Cluster$"
_PROVIDER = "urn:pulumi:dev::istio-mesh::mesh:index:Mesh$pulumi:providers:kubernetes::east::0a1b"


def _secret(operation: str = "creating") -> dict[str, Any]:
    return {
        "type": operation,
        "resource": {
            "urn": f"{_PREFIX}kubernetes:core/v1:Secret::east-cacerts",
            "type": "kubernetes:core/v1:Secret",
            "provider": _PROVIDER,
            "inputs": {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "cacerts", "namespace": "istio-system"},
            },
        },
    }


def _release(operation: str = "creating") -> dict[str, Any]:
    return {
        "type": operation,
        "resource": {
            "urn": f"{_PREFIX}kubernetes:helm.sh/v3:Release::east-istiod",
            "type": "kubernetes:helm.sh/v3:Release",
            "provider": _PROVIDER,
            "inputs": {"name": "istiod", "namespace": "istio-system"},
        },
    }


def _key() -> dict[str, Any]:
    provider = "urn:pulumi:dev::istio-mesh::pulumi:providers:tls::default_5_6_2::9z"
    urn = f"{_PREFIX}tls:index/privateKey:PrivateKey::east-key"
    resource = {"urn": urn, "type": "tls:index/privateKey:PrivateKey", "provider": provider}
    return {"type": "creating", "resource": {**resource, "custom": True, "inputs": {}}}


def _operations(*entries: dict[str, Any]) -> tuple[PendingOperation, ...]:
    return pending_operations({"deployment": {"pending_operations": list(entries)}})


def _revision(number: int, status: str, release: str = "istiod") -> HelmRevision:
    secret = f"sh.helm.release.v1.{release}.v{number}"
    return HelmRevision(
        namespace="istio-system", release=release, number=number, status=status, secret=secret
    )


def _recover(
    *entries: dict[str, Any], revisions: tuple[HelmRevision, ...] = (), there: bool = False
) -> Recovery:
    operations = _operations(*entries)
    return recovery(operations, {"east": revisions}, [one.urn for one in operations] if there else [])


def test_an_operation_says_which_object_of_which_cluster_it_concerns() -> None:
    """The cluster is the name of the provider; the ID is the one that the provider would give."""
    (operation,) = _operations(_secret())
    assert (operation.cluster, operation.object_id) == ("east", "istio-system/cacerts")
    assert (operation.api_version, operation.kind) == ("v1", "Secret")
    assert operation.creates_object


def test_what_exists_in_the_state_alone_is_of_no_cluster() -> None:
    """So it is looked for nowhere, and made again."""
    (operation,) = _operations(_key())
    assert not operation.cluster
    assert not operation.creates_object


def test_a_state_without_interrupted_operations_needs_nothing() -> None:
    """Nor do releases that are deployed."""
    assert not pending_operations({"deployment": {"resources": []}})
    assert not _recover(revisions=(_revision(1, "superseded"), _revision(2, "deployed")))


def test_an_object_that_was_created_is_imported() -> None:
    """One that is not there is created again."""
    assert [one.name for one in _recover(_secret(), there=True).imports] == ["cacerts"]
    assert _recover(_secret()).imports == ()


def test_an_object_that_was_changed_or_deleted_is_in_the_state_already() -> None:
    """It is not imported, even though it exists."""
    for operation in ("updating", "deleting", "reading"):
        assert _recover(_secret(operation), there=True).imports == ()


def test_a_release_that_was_being_installed_loses_all_of_helms_records() -> None:
    """Whether or not Helm finished: Pulumi would refuse the name, and installs it again."""
    for status in ("pending-install", "deployed", "failed"):
        found = _recover(_release(), revisions=(_revision(1, status), _revision(1, "deployed", "istio-base")))
        assert found.revisions == {"east": (_revision(1, status),)}
        assert found.imports == ()


def test_a_release_that_was_being_upgraded_goes_back_to_the_revision_before() -> None:
    """Even where Pulumi does not know of it, because the plugin worked on for a while."""
    revisions = (_revision(9, "superseded"), _revision(10, "deployed"), _revision(11, "pending-upgrade"))
    for entries in ([_release("updating")], []):
        assert _recover(*entries, revisions=revisions).revisions == {"east": (revisions[2],)}


def test_a_release_that_helm_has_deleted_goes_from_the_state() -> None:
    """The provider fails to delete what is not there; one of which Helm still has a record stays."""
    resource = {**_release()["resource"], "id": "istio-system/istiod"}
    state = {"deployment": {"resources": [resource], "pending_operations": [_release("deleting")]}}
    found = _recover(_release("deleting"), revisions=(_revision(1, "deployed", "istio-base"),))
    assert list(found.lines()) == ["remove east-istiod from the state: Helm has deleted it"]
    assert recovered_state(state, found)["deployment"] == {"resources": []}
    halfway = _recover(_release("deleting"), revisions=(_revision(1, "uninstalling"),))
    assert recovered_state(state, halfway)["deployment"] == {"resources": [resource]}


def test_a_release_in_a_cluster_that_was_not_asked_stays_in_the_state() -> None:
    """Such as one that is offline: nothing is known of it."""
    operations = _operations(_release("deleting"))
    assert recovery(operations, {}, []).deleted == ()


def test_an_old_record_of_an_interruption_is_left_alone() -> None:
    """Helm looks at the newest revision only."""
    assert not _recover(revisions=(_revision(1, "pending-upgrade"), _revision(2, "deployed"))).revisions


def test_the_state_gets_what_is_imported_and_loses_what_was_interrupted() -> None:
    """The imported resource comes last, behind all that it depends on; everything else stays."""
    there = {"urn": "urn:pulumi:dev::istio-mesh::pulumi:pulumi:Stack::istio-mesh-dev"}
    deployment = {"resources": [there], "pending_operations": [_secret(), _key()], "manifest": {}}
    state = {"version": 3, "deployment": deployment}
    after = recovered_state(state, _recover(_secret(), there=True))
    imported = {**_secret()["resource"], "id": "istio-system/cacerts"}
    assert after == {"version": 3, "deployment": {"resources": [there, imported], "manifest": {}}}


def test_every_step_is_said() -> None:
    """By the resource's name, or the release's with its cluster."""
    revisions = (_revision(1, "pending-install"),)
    said = list(_recover(_secret(), _release(), _key(), revisions=revisions, there=True).lines())
    assert [line.split(":")[0] for line in said] == [
        "import east-cacerts",
        "remove the interrupted creation of east-istiod from the state",
        "remove the interrupted creation of east-key from the state",
        "delete Helm's record of revision 1 of istiod in east, which is pending-install",
    ]


def test_helms_records_of_every_control_plane_count() -> None:
    """Of one that was coming, of one that was going, and of one that the stack file has dropped meanwhile."""
    config = stack_config(
        {"east": {}}, istio={"version": "1.30.4", "revision": "a", "next": {"version": "1.31.0"}}
    )
    going = _release()["resource"] | {"inputs": {"name": "istiod-gone"}}
    dropped = {"type": "creating", "resource": going | {"inputs": {"name": "istiod-dropped"}}}
    state = {"resources": [going, _secret()["resource"]], "pending_operations": [dropped]}
    found = release_names(config, {"deployment": state})
    assert {name for name in found if name.startswith("istiod")} == {
        "istiod-a",
        "istiod-1-31-0",
        "istiod-gone",
        "istiod-dropped",
    }
    assert release_names(stack_config({"east": {}}), {}) >= {"istiod", "istio-base", "istio-eastwestgateway"}
