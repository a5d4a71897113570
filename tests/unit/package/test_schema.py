"""The package's schema, and the types for Python that are made from it."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from docs.package_args import module
from mesh.config.schema import StackSections
from mesh.package import schema
from mesh.package.args import MeshArgs
from mesh.stacks.state import MESH
from tests.program.recording import PROJECT

PACKAGE = schema.package()


def _settings(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every setting of the models; those of a map or a list of sections are below it."""
    for name, field in model.model_fields.items():
        here = (*path, field.alias or name)
        yield here
        if (inner := _model(field.annotation)) is not None:
            yield from _settings(inner, here)


def _model(annotation: Any) -> type[BaseModel] | None:
    """The section in a type, wherever it is in it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model, get_args(annotation))), None)


def _in_schema(properties: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in properties.items():
        yield (*path, key)
        if (inner := _type(value)) is not None:
            yield from _in_schema(inner.get("properties", {}), (*path, key))


def _type(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The type of a property, of what is in its list or map, or of one of its options."""
    for option in (value, value.get("items"), value.get("additionalProperties"), *value.get("oneOf", ())):
        if option is not None and option.get("$ref", "").startswith("#/types/"):
            return PACKAGE["types"][option["$ref"].removeprefix("#/types/")]
    return None


def _property(*path: str) -> dict[str, Any]:
    properties = PACKAGE["resources"][MESH]["inputProperties"]
    for key in path[:-1]:
        inner = _type(properties[key])
        assert inner is not None, f"{key} has no type of its own"
        properties = inner["properties"]
    return properties[path[-1]]


def test_every_setting_of_a_stack_file_is_an_argument_and_no_other() -> None:
    """With its description: whoever writes TypeScript or YAML reads no Python."""
    found = set(_in_schema(PACKAGE["resources"][MESH]["inputProperties"]))
    assert found == set(_settings(StackSections))
    assert ("clusters", "apiServer", "from", "clientKey") in found, "the settings have not been walked"
    for path in found:
        assert _property(*path)["description"], f"{'.'.join(path)} has no description"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("mesh", "id"), {"type": "string"}),
        (("trust", "phase"), {"$ref": "#/types/mesh:index:Phase"}),
        (
            ("helloWorld",),
            {"oneOf": [{"type": "boolean"}, {"$ref": "#/types/mesh:index:HelloWorldSettings"}]},
        ),
        (
            ("istio", "values", "istiod"),
            {"type": "object", "additionalProperties": {"$ref": "pulumi.json#/Any"}},
        ),
        (
            ("clusters",),
            {"type": "object", "additionalProperties": {"$ref": "#/types/mesh:index:ClusterSettings"}},
        ),
        (
            ("rollout", "waves"),
            {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
        ),
        (
            ("gateway", "addresses"),
            {"type": "array", "items": {"$ref": "#/types/mesh:index:GatewayAddressSettings"}},
        ),
        (("reader", "tokenGenerations"), {"type": "array", "items": {"type": "integer"}}),
        (("trust", "root", "privateKey"), {"type": "string", "secret": True}),
        (("clusters", "kubeconfigContents"), {"type": "string", "secret": True}),
        (("clusters", "kubeconfig"), {"type": "string"}),
    ],
)
def test_a_setting_has_the_type_that_the_models_give_it(
    path: tuple[str, ...], expected: dict[str, Any]
) -> None:
    """As Pulumi writes it; what is secret is marked, so that every SDK keeps it so."""
    found = _property(*path)
    assert {key: value for key, value in found.items() if key != "description"} == expected


def test_what_has_a_default_says_so_and_sets_nothing() -> None:
    """A default in the schema would be sent by SDKs, and would count as set."""
    assert _property("trust", "root", "validityHours")["description"].endswith("Default: 87600.")
    assert _property("exposure", "hosts")["description"].count("default") == 1
    assert "default" not in _property("trust", "root", "validityHours")


def test_the_context_may_be_left_out_and_nothing_else_that_is_required() -> None:
    """Who makes the cluster gives its kubeconfig, and that has a current context."""
    types = PACKAGE["types"]
    assert types["mesh:index:ClusterSettings"]["required"] == []
    assert types["mesh:index:MeshSettings"]["required"] == ["id"]
    assert types["mesh:index:StubSettings"]["required"] == ["name", "namespace", "ports"]
    assert PACKAGE["resources"][MESH]["requiredInputs"] == ["clusters", "mesh"]


def test_no_type_has_the_name_of_the_arguments_of_the_component() -> None:
    """SDKs call them by the component's name and `Args`."""
    assert "mesh:index:Mesh" not in PACKAGE["types"]


def test_the_types_for_python_are_those_of_the_schema() -> None:
    """After a changed setting: `make reference`."""
    assert (PROJECT / "mesh/package/args.py").read_text(encoding="utf-8") == module()
    assert MeshArgs.__annotations__.keys() == PACKAGE["resources"][MESH]["inputProperties"].keys()
