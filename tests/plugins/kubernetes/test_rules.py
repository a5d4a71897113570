"""The stand-in's rules that need no server: when objects are ready, replaced, owned and equal."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from sandbox.plugins.kubernetes.changes import difference
from sandbox.plugins.kubernetes.kinds import kind_of_token, needs_replacement
from sandbox.plugins.kubernetes.ownership import adopt, owners_of
from sandbox.plugins.kubernetes.quantities import same_quantity
from sandbox.plugins.kubernetes.readiness import missing, timeout_of
from sandbox.plugins.kubernetes.settings import Settings
from sandbox.plugins.kubernetes.state import imported_inputs, live_inputs, to_object, to_outputs
from sandbox.plugins.values import UNKNOWN, Secret, has_secret, path_keys


def _nothing(
    api_version: str, kind: str, *, name: str = "", labels: Mapping[str, str] | None = None
) -> Sequence[Mapping[str, Any]]:
    return []


def _object(kind: str, api_version: str = "v1", **fields: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "it", "generation": 2}, **fields}


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("kubernetes:core/v1:Secret", ("v1", "Secret")),
        ("kubernetes:apps/v1:Deployment", ("apps/v1", "Deployment")),
        ("kubernetes:networking.istio.io/v1:Gateway", ("networking.istio.io/v1", "Gateway")),
    ],
)
def test_a_type_token_names_version_and_kind(token: str, expected: tuple[str, str]) -> None:
    """The core group has no name in Kubernetes."""
    assert kind_of_token(token) == expected


@pytest.mark.parametrize(
    ("obj", "path", "replaced"),
    [
        (_object("ConfigMap"), "metadata.name", True),
        (_object("ConfigMap"), "metadata.labels.name", False),
        (_object("ConfigMap"), "metadata", True),
        (_object("ConfigMap"), "data.text", True),
        (_object("Secret"), "stringData.text", True),
        (_object("Secret"), "type", True),
        (_object("Deployment", "apps/v1"), "spec.selector.matchLabels.app", True),
        (_object("Deployment", "apps/v1"), "spec.replicas", False),
        (_object("Service"), "spec.clusterIP", True),
        (_object("Service"), "spec.ports[0].port", False),
        (_object("Pod"), "spec.containers[0].image", True),
        (_object("Pod"), "metadata.labels.a", False),
        (_object("PersistentVolume"), "spec.hostPath.path", True),
        (_object("PersistentVolume"), "spec.capacity.storage", False),
        (_object("Widget", "example.com/v1"), "spec.selector", False),
    ],
)
def test_what_cannot_change_is_replaced(obj: dict[str, Any], path: str, replaced: bool) -> None:
    """With the provider's defaults, by which Secrets and ConfigMaps are replaced."""
    assert needs_replacement(obj, path_keys(path), Settings()) is replaced


def test_mutable_secrets_and_config_maps_change_in_place_unless_marked_immutable() -> None:
    """The type of a Secret is fixed in any case."""
    settings = Settings(enable_secret_mutable=True, enable_config_map_mutable=True)
    assert not needs_replacement(_object("Secret"), ("data", "text"), settings)
    assert not needs_replacement(_object("ConfigMap"), ("data", "text"), settings)
    assert needs_replacement(_object("Secret"), ("type",), settings)
    assert needs_replacement(_object("Secret", immutable=True), ("data", "text"), settings)


_AVAILABLE = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}


@pytest.mark.parametrize(
    ("obj", "is_ready"),
    [
        (_object("Deployment", "apps/v1", spec={"replicas": 2}, status=_AVAILABLE), True),
        (_object("Deployment", "apps/v1", spec={"replicas": 3}, status=_AVAILABLE), False),
        (
            _object("Deployment", "apps/v1", spec={"replicas": 2}, status={**_AVAILABLE, "replicas": 3}),
            False,
        ),
        (
            _object(
                "Deployment", "apps/v1", spec={"replicas": 2}, status={**_AVAILABLE, "observedGeneration": 1}
            ),
            False,
        ),
        (_object("Job", "batch/v1", status={"conditions": [{"type": "Complete", "status": "True"}]}), True),
        (_object("Job", "batch/v1", status={}), False),
        (_object("Service", spec={"type": "LoadBalancer"}), False),
        (
            _object(
                "Service",
                spec={"type": "LoadBalancer"},
                status={"loadBalancer": {"ingress": [{"hostname": "h"}]}},
            ),
            True,
        ),
        (_object("Service", spec={"type": "ClusterIP"}), True),
        (_object("Service", spec={"type": "ClusterIP", "selector": {"app": "it"}}), False),
        (_object("Secret", type="kubernetes.io/service-account-token"), False),
        (_object("Secret", type="kubernetes.io/service-account-token", data={"token": "dA=="}), True),
        (_object("Secret", type="Opaque"), True),
        (_object("PersistentVolumeClaim", status={"phase": "Pending"}), False),
        (_object("Widget", "example.com/v1", status={}), True),
    ],
)
def test_readiness_is_read_from_the_object(obj: dict[str, Any], is_ready: bool) -> None:
    """What is missing is said in words."""
    lacking = missing(obj, _nothing)
    assert (lacking == []) is is_ready
    assert all(isinstance(text, str) and text for text in lacking)


def test_annotations_decide_what_is_waited_for() -> None:
    """Conditions, paths and neither; one or several."""
    widget = _object("Widget", "example.com/v1", status={"phase": "Up", "conditions": []})

    def lacks(expression: str) -> bool:
        annotated = {**widget, "metadata": {"annotations": {"pulumi.com/waitFor": expression}}}
        return bool(missing(annotated, _nothing))

    assert not lacks("jsonpath={.status.phase}=Up")
    assert not lacks("jsonpath={.status.phase}")
    assert lacks("jsonpath={.status.phase}=Down")
    assert lacks("condition=Ready")
    assert lacks('["jsonpath={.status.phase}=Up", "condition=Ready"]')
    skipping = {**_object("Service", spec={"type": "LoadBalancer"})}
    skipping["metadata"] = {"annotations": {"pulumi.com/skipAwait": "true"}}
    assert not missing(skipping, _nothing)


def test_the_time_to_wait_is_the_resources_own_first() -> None:
    """Then the annotation's, then the default."""
    annotated = {"metadata": {"annotations": {"pulumi.com/timeoutSeconds": "7"}}}
    assert (timeout_of(annotated, 3), timeout_of(annotated, 0), timeout_of({}, 0)) == (3, 7, 600)


def test_the_creators_fields_are_made_over_to_the_manager() -> None:
    """Others keep theirs, and so does a controller that writes the status under the creator's name."""
    creator = {
        "manager": "pulumi-kubernetes",
        "operation": "Update",
        "fieldsV1": {"f:data": {".": {}, "f:a": {}}},
    }
    own = {"manager": "me", "operation": "Apply", "fieldsV1": {"f:data": {"f:b": {}}}}
    other = {"manager": "they", "operation": "Update", "fieldsV1": {"f:data": {"f:c": {}}}}
    status = {**creator, "subresource": "status"}
    by_hand = {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:data": {"f:d": {}}}}
    adopted = adopt([creator, own, other, status, by_hand], "me")
    assert adopted is not None
    assert [entry["manager"] for entry in adopted] == ["me", "they", "pulumi-kubernetes"]
    assert adopted[0]["fieldsV1"] == {"f:data": {".": {}, "f:a": {}, "f:b": {}, "f:d": {}}}
    assert adopt([own, other], "me") is None
    assert owners_of([creator, own, other], ["data", "c"]) == {"they"}
    assert owners_of([creator, own, other], ["data"]) == {"pulumi-kubernetes", "me", "they"}


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("500m", 0.5, True),
        ("1", 1, True),
        ("1Gi", "1024Mi", True),
        ("1G", "1Gi", False),
        ("1e3", "1k", True),
        ("a lot", "a lot", True),
        ("a lot", "more", False),
    ],
)
def test_quantities_are_compared_by_what_they_mean(left: Any, right: Any, same: bool) -> None:
    """At places of quantities only."""
    assert same_quantity(left, right, ("spec", "limits", "cpu")) is same
    assert same_quantity(left, right, ("data", "cpu")) is (left == right)


def test_live_inputs_have_what_drifted_and_nothing_of_others() -> None:
    """A Secret's stringData is read back from its data."""
    inputs = {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": {"name": "it"},
        "stringData": {"a": "1", "b": "2"},
    }
    live = {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": {"name": "it", "uid": "u"},
        "data": {"a": "OQ==", "b": "Mg==", "c": "Mw=="},
        "type": "Opaque",
    }
    assert live_inputs(live, inputs) == {**inputs, "stringData": {"a": "9", "b": "2"}}


def test_outputs_carry_what_the_official_provider_needs_to_go_on() -> None:
    """And the data of a Secret is secret, even if the inputs were not."""
    inputs = {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": {"name": Secret("it")},
        "stringData": {"a": "1"},
    }
    live = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "it"}, "data": {"a": "MQ=="}}
    outputs = to_outputs(inputs, live, "manager")
    assert outputs["data"] == Secret({"a": "MQ=="})
    assert outputs["metadata"] == {"name": Secret("it")}
    assert outputs["__fieldManager"] == "manager"
    assert outputs["__initialApiVersion"] == "v1"
    assert outputs["__inputs"]["stringData"] == Secret({"a": "1"})
    assert not has_secret(to_object(outputs))
    assert "__inputs" not in to_object(outputs)


def test_an_imported_object_has_inputs_without_what_the_server_fills_in() -> None:
    """They can be written into a program as they are."""
    live = _object("ConfigMap", data={"a": "1"}, status={})
    live["metadata"] |= {"uid": "u", "resourceVersion": "1", "managedFields": [], "creationTimestamp": "t"}
    assert imported_inputs(live) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "it"},
        "data": {"a": "1"},
    }


def test_names_that_languages_cannot_spell_are_spelt_for_the_server() -> None:
    """The fields of definitions that begin with x-kubernetes."""
    spec = {"schema": {"x_kubernetes_preserve_unknown_fields": True}}
    assert to_object({"spec": spec}) == {"spec": {"schema": {"x-kubernetes-preserve-unknown-fields": True}}}
    live = {"spec": {"schema": {"x-kubernetes-preserve-unknown-fields": True}}}
    assert to_outputs({}, live, "m")["spec"] == spec


def _secret_with(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "it", "namespace": "here"}, **fields}


def test_a_secrets_text_and_its_encoding_are_the_same() -> None:
    """The official provider has encoded data in its state where the program gave text."""
    text, data = _secret_with(stringData={"a": "1"}), _secret_with(data={"a": "MQ=="})
    assert not difference(data, text, Settings()).changes
    changed = difference(data, _secret_with(stringData={"a": "2"}), Settings())
    assert changed.changes == {"stringData.a": "update"}
    assert changed.replaces == {"stringData.a"}


def test_the_old_object_goes_first_where_the_new_one_has_its_name() -> None:
    """Names that Pulumi makes differ, so both objects can be there for a while."""
    old, new = _secret_with(type="a"), _secret_with(type="b")
    assert difference(old, new, Settings()).delete_before_replace
    renamed = {**new, "metadata": {"name": "other", "namespace": "here"}}
    assert not difference(old, renamed, Settings()).delete_before_replace
    named_by_pulumi = {"name": "it", "namespace": "here", "annotations": {"pulumi.com/autonamed": "true"}}
    pair = [{**obj, "metadata": named_by_pulumi} for obj in (old, new)]
    assert not difference(*pair, Settings()).delete_before_replace


def test_what_is_not_known_yet_differs_from_everything() -> None:
    """Also if it is all of the metadata, or all of the data."""
    old = _secret_with(data={"a": "MQ=="})
    assert difference(old, {**old, "data": UNKNOWN}, Settings()).changes == {"data": "update"}
    assert difference(old, {**old, "metadata": UNKNOWN}, Settings()).changes == {"metadata": "update"}
    assert difference(old, _secret_with(data={"a": UNKNOWN}), Settings()).changes == {"data.a": "update"}


def test_other_words_for_a_quantity_are_no_change() -> None:
    """Wherever it is in the object."""

    def pod(cpu: Any) -> dict[str, Any]:
        return _object("Pod", spec={"containers": [{"resources": {"limits": {"cpu": cpu}}}]})

    assert not difference(pod("100m"), pod(0.1), Settings()).changes
    assert difference(pod("100m"), pod("0.2"), Settings()).changes
