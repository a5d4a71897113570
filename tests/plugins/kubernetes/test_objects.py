"""What pulumi-kubernetes does with objects: made, shown before, changed, replaced, found again, deleted."""

import base64
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from tests.plugins.engine import Program, Stack, is_secret
from tests.plugins.kubernetes.control_plane import ControlPlane
from tests.plugins.kubernetes.programs import options


def _config_map(plane: ControlPlane, metadata: Mapping[str, Any], text: str, **settings: Any) -> Program:
    def program() -> None:
        it = k8s.core.v1.ConfigMap(
            "it", metadata=dict(metadata), data={"text": text}, opts=options(plane, **settings)
        )
        pulumi.export("uid", it.metadata.uid)
        pulumi.export("name", it.metadata.name)

    return program


def _secret(plane: ControlPlane, namespace: str, text: str, **settings: Any) -> Program:
    def program() -> None:
        k8s.core.v1.Secret(
            "it",
            metadata={"name": "it", "namespace": namespace},
            string_data={"text": text, "other": "constant"},
            opts=options(plane, **settings),
        )

    return program


def _data(plane: ControlPlane, kind: str, name: str, namespace: str) -> dict[str, str]:
    found = plane.get(kind, name, namespace)
    assert found is not None, f"{kind} {namespace}/{name} is not in the cluster"
    return found["data"]


def test_an_object_is_made_and_a_second_run_changes_nothing(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """What the server adds is in the outputs and is no change."""
    program = _config_map(east, {"name": "it", "namespace": namespace}, "one")
    preview = stack.preview(program)
    assert preview.ops == {"it": "create"}
    assert east.get("configmap", "it", namespace) is None, "a preview must not change the cluster"
    run = stack.up(program)
    assert _data(east, "configmap", "it", namespace) == {"text": "one"}
    assert stack.resource("it")["id"] == f"{namespace}/it"
    assert len(run.outputs["uid"]) == 36, "what only the server knows must be in the outputs"
    assert stack.up(program).ops == {"it": "same"}
    before = stack.resource("it")["outputs"]
    stack.refresh()
    assert stack.resource("it")["outputs"] == before


def test_a_change_is_previewed_and_made_in_place(stack: Stack, east: ControlPlane, namespace: str) -> None:
    """The preview names the property, the object keeps its identity, and what left the inputs goes."""
    before = {"name": "it", "namespace": namespace, "labels": {"stays": "1", "goes": "1"}}
    after = {"name": "it", "namespace": namespace, "labels": {"stays": "1"}}
    uid = stack.up(_config_map(east, before, "one")).outputs["uid"]
    preview = stack.preview(_config_map(east, after, "two"))
    assert preview.ops == {"it": "update"}
    assert dict(preview.steps["it"].changes) == {"data.text": "update", "metadata.labels.goes": "delete"}
    assert _data(east, "configmap", "it", namespace) == {"text": "one"}
    assert stack.up(_config_map(east, after, "two")).outputs["uid"] == uid
    found = east.get("configmap", "it", namespace)
    assert found is not None
    assert found["data"] == {"text": "two"}
    assert found["metadata"]["labels"] == {"stays": "1"}


def test_what_others_add_to_an_object_stays(stack: Stack, east: ControlPlane, namespace: str) -> None:
    """Fields of other owners are neither drift nor removed by an update."""
    metadata = {"name": "it", "namespace": namespace}
    stack.up(_config_map(east, metadata, "one"))
    label = ("label", "configmap", "it", "theirs=yes", f"--namespace={namespace}")
    east.kubectl(*label, "--field-manager=their-controller")
    stack.refresh()
    assert stack.up(_config_map(east, metadata, "one")).ops == {"it": "same"}
    stack.up(_config_map(east, metadata, "two"))
    found = east.get("configmap", "it", namespace)
    assert found is not None
    assert found["metadata"]["labels"] == {"theirs": "yes"}


def test_another_name_makes_another_object_first(stack: Stack, east: ControlPlane, namespace: str) -> None:
    """Identity cannot be changed in place; the new object is there before the old one goes."""
    stack.up(_config_map(east, {"name": "old", "namespace": namespace}, "one"))
    preview = stack.preview(_config_map(east, {"name": "new", "namespace": namespace}, "one"))
    assert preview.ops == {"it": "replace"}
    assert preview.steps["it"].changes["metadata.name"] == "update-replace"
    stack.up(_config_map(east, {"name": "new", "namespace": namespace}, "one"))
    assert east.get("configmap", "old", namespace) is None
    assert _data(east, "configmap", "new", namespace) == {"text": "one"}


def test_an_immutable_field_replaces_an_object_of_the_same_name(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """A role binding's role cannot change: the object is deleted and made again."""

    def program(role: str) -> Program:
        return lambda: k8s.rbac.v1.RoleBinding(
            "it",
            metadata={"name": "it", "namespace": namespace},
            role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            subjects=[{"kind": "User", "name": "somebody", "api_group": "rbac.authorization.k8s.io"}],
            opts=options(east),
        )

    stack.up(program("view"))
    assert stack.preview(program("edit")).ops == {"it": "replace"}
    stack.up(program("edit"))
    found = east.get("rolebinding", "it", namespace)
    assert found is not None
    assert found["roleRef"]["name"] == "edit"


def test_an_object_without_a_name_gets_one_and_keeps_it(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """The name begins with the resource's, and the next run does not change it."""
    first = stack.up(_config_map(east, {"namespace": namespace}, "one")).outputs["name"]
    assert first.startswith("it-")
    assert len(first) > len("it-")
    second = stack.up(_config_map(east, {"namespace": namespace}, "two"))
    assert second.ops == {"it": "update"}
    assert second.outputs["name"] == first


def test_an_object_without_a_namespace_is_in_the_default_one(stack: Stack, east: ControlPlane) -> None:
    """The kubeconfig's namespace, or `default`; cluster-wide kinds have none."""

    def program() -> None:
        opts = options(east)
        rules = [{"api_groups": [""], "resources": ["pods"], "verbs": ["get"]}]
        k8s.core.v1.ConfigMap("inside", metadata={"name": "inside"}, data={}, opts=opts)
        k8s.rbac.v1.ClusterRole("outside", metadata={"name": "outside"}, rules=rules, opts=opts)

    stack.up(program)
    assert stack.resource("inside")["id"] == "default/inside"
    assert stack.resource("outside")["id"] == "outside"
    assert stack.up(program).ops == {"inside": "same", "outside": "same"}


def test_a_secret_is_encrypted_in_state_and_changed_in_place(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """Neither the text nor its base64 is in the state; the preview of a change does not show it."""
    stack.up(_secret(east, namespace, "confidential"))
    state = stack.state()
    assert "confidential" not in state
    assert base64.b64encode(b"confidential").decode() not in state
    assert is_secret(stack.resource("it")["outputs"]["data"])
    assert stack.up(_secret(east, namespace, "confidential")).ops == {"it": "same"}
    uid = stack.resource("it")["outputs"]["metadata"]["uid"]
    preview = stack.preview(_secret(east, namespace, "classified"))
    assert preview.ops == {"it": "update"}
    assert "classified" not in preview.diagnostics
    stack.up(_secret(east, namespace, "classified"))
    assert _data(east, "secret", "it", namespace)["text"] == base64.b64encode(b"classified").decode()
    assert stack.resource("it")["outputs"]["metadata"]["uid"] == uid


def test_without_mutable_secrets_a_changed_secret_is_replaced(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """The provider's default, which the project's program must switch off."""
    stack.up(_secret(east, namespace, "one", enable_secret_mutable=False))
    preview = stack.preview(_secret(east, namespace, "two", enable_secret_mutable=False))
    assert preview.ops == {"it": "replace"}


def test_an_object_that_exists_is_not_taken_over(stack: Stack, east: ControlPlane, namespace: str) -> None:
    """Creating it fails with AlreadyExists and leaves it as it is."""
    east.kubectl("create", "configmap", "it", f"--namespace={namespace}", "--from-literal=text=theirs")
    said = stack.fails(_config_map(east, {"name": "it", "namespace": namespace}, "ours"))
    assert 'configmaps "it" already exists' in said
    assert _data(east, "configmap", "it", namespace) == {"text": "theirs"}
    assert stack.resources() == []


def test_an_object_that_exists_is_adopted_by_import(stack: Stack, east: ControlPlane, namespace: str) -> None:
    """With the same inputs it becomes Pulumi's own, and later changes are made in place."""
    east.kubectl("create", "configmap", "it", f"--namespace={namespace}", "--from-literal=text=theirs")
    uid = (east.get("configmap", "it", namespace) or {})["metadata"]["uid"]

    def program(text: str) -> Program:
        return lambda: k8s.core.v1.ConfigMap(
            "it",
            metadata={"name": "it", "namespace": namespace},
            data={"text": text},
            opts=pulumi.ResourceOptions.merge(
                options(east), pulumi.ResourceOptions(import_=f"{namespace}/it")
            ),
        )

    assert stack.up(program("theirs")).ops == {"it": "import"}
    assert stack.up(program("ours")).ops == {"it": "update"}
    found = east.get("configmap", "it", namespace)
    assert found is not None
    assert (found["metadata"]["uid"], found["data"]) == (uid, {"text": "ours"})


def test_refresh_takes_drift_over_and_the_next_run_undoes_it(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """What somebody changed by hand is shown, and put back."""
    program = _config_map(east, {"name": "it", "namespace": namespace}, "ours")
    stack.up(program)
    patch = '{"data": {"text": "theirs"}}'
    east.kubectl("patch", "configmap", "it", f"--namespace={namespace}", "--type=merge", f"--patch={patch}")
    stack.refresh()
    assert stack.resource("it")["outputs"]["data"] == {"text": "theirs"}
    assert stack.preview(program).ops == {"it": "update"}
    stack.up(program)
    assert _data(east, "configmap", "it", namespace) == {"text": "ours"}


def test_a_field_that_a_controller_took_over_is_taken_back_by_force_only(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """Otherwise it is a conflict, which names the other owner."""
    metadata = {"name": "it", "namespace": namespace}
    stack.up(_config_map(east, metadata, "one"))
    patch = ("patch", "configmap", "it", f"--namespace={namespace}", "--type=merge")
    east.kubectl(*patch, "--field-manager=their-controller", '--patch={"data": {"text": "theirs"}}')
    said = stack.fails(_config_map(east, metadata, "two"))
    assert 'conflict with "their-controller"' in said
    assert _data(east, "configmap", "it", namespace) == {"text": "theirs"}
    forced = {**metadata, "annotations": {"pulumi.com/patchForce": "true"}}
    stack.up(_config_map(east, forced, "two"))
    assert _data(east, "configmap", "it", namespace) == {"text": "two"}


def test_refresh_notices_that_an_object_is_gone(stack: Stack, east: ControlPlane, namespace: str) -> None:
    """The next run makes it again."""
    program = _config_map(east, {"name": "it", "namespace": namespace}, "one")
    stack.up(program)
    east.kubectl("delete", "configmap", "it", f"--namespace={namespace}")
    stack.refresh()
    assert stack.resources() == []
    assert stack.up(program).ops == {"it": "create"}


def test_a_refreshed_secret_and_quantities_are_no_drift(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """The server moves stringData and spells quantities in its own way; neither is a change."""

    def program() -> None:
        opts = options(east)
        metadata = {"name": "it", "namespace": namespace}
        k8s.core.v1.Secret("text", metadata=metadata, string_data={"text": "it"}, opts=opts)
        k8s.core.v1.ResourceQuota(
            "quota", metadata=metadata, spec={"hard": {"cpu": "0.5", "memory": "1024Mi"}}, opts=opts
        )

    stack.up(program)
    stack.refresh()
    assert stack.preview(program).ops == {"text": "same", "quota": "same"}


def test_deleting_a_namespace_waits_until_it_is_gone(stack: Stack, east: ControlPlane) -> None:
    """Made again right away, it does not meet its own end."""

    def program() -> None:
        opts = options(east)
        space = k8s.core.v1.Namespace("space", metadata={"name": "passing"}, opts=opts)
        k8s.core.v1.ConfigMap("it", metadata={"name": "it", "namespace": space.metadata.name}, opts=opts)

    stack.up(program)
    stack.destroy()
    assert east.get("namespace", "passing") is None
    stack.up(program)


def test_a_custom_resource_is_made_in_the_run_that_defines_it(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """Before its definition is there, the preview cannot ask the server and shows the inputs."""

    def program(size: int) -> Program:
        return lambda: _widget(east, namespace, size)

    assert stack.preview(program(1)).ops == {"definition": "create", "widget": "create"}
    stack.up(program(1))
    assert stack.up(program(1)).ops == {"definition": "same", "widget": "same"}
    run = stack.up(program(2))
    assert run.ops == {"definition": "same", "widget": "update"}
    found = east.get("widgets.example.com", "it", namespace)
    assert found is not None
    assert found["spec"] == {"size": 2}


def test_what_is_not_known_yet_stays_unknown_in_a_preview(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """An input that another object's making decides is previewed without asking the server."""

    def program() -> None:
        opts = options(east)
        first = k8s.core.v1.ConfigMap(
            "first", metadata={"name": "first", "namespace": namespace}, data={}, opts=opts
        )
        account = k8s.core.v1.ServiceAccount(
            "account", metadata={"name": "account", "namespace": namespace}, opts=opts
        )
        token = k8s.core.v1.Secret(
            "token",
            type="kubernetes.io/service-account-token",
            metadata={
                "name": "token",
                "namespace": namespace,
                "annotations": {"kubernetes.io/service-account.name": account.metadata.name},
            },
            opts=opts,
        )
        k8s.core.v1.Secret(
            "copy",
            metadata={"name": first.metadata.name.apply(lambda name: f"{name}-copy"), "namespace": namespace},
            data={"token": token.data["token"]},
            opts=opts,
        )

    expected = dict.fromkeys(("first", "account", "token", "copy"), "create")
    assert stack.preview(program).ops == expected
    stack.up(program)
    token = _data(east, "secret", "token", namespace)["token"]
    assert _data(east, "secret", "first-copy", namespace) == {"token": token}


def test_an_error_of_the_server_names_the_resource_and_the_reason(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """An object that the server refuses is nothing in state."""
    said = stack.fails(_config_map(east, {"name": "Not_A_Name", "namespace": namespace}, "one"))
    assert "was not successfully created by the Kubernetes API server" in said
    assert 'ConfigMap "Not_A_Name" is invalid' in said
    assert stack.resources() == []


def _widget(plane: ControlPlane, namespace: str, size: int) -> None:
    opts = options(plane)
    definition = k8s.apiextensions.v1.CustomResourceDefinition(
        "definition",
        metadata={"name": "widgets.example.com"},
        spec={
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "open_apiv3_schema": {
                            "type": "object",
                            "properties": {
                                "spec": {"type": "object", "x_kubernetes_preserve_unknown_fields": True}
                            },
                        }
                    },
                }
            ],
        },
        opts=opts,
    )
    k8s.apiextensions.CustomResource(
        "widget",
        api_version="example.com/v1",
        kind="Widget",
        metadata={"name": "it", "namespace": namespace},
        spec={"size": size},
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[definition])),
    )
