"""What is imported is what the program declares: else the first update would make it anew, and delete it."""

import json
from typing import Any

from mesh.cli.adoption import IMPORTED, existing_object, import_document
from mesh.load import load_values
from mesh.preflight.inventory import inventory
from mesh.stacks import state
from tests.builders.stack_files import decrypted
from tests.program.conftest import write_kubeconfigs
from tests.program.recording import PROJECT, Recording, Registration, run_config

Place = tuple[tuple[str, str], ...]
_PROVIDERS = "urn:pulumi:dev::istio-mesh::mesh:index:Mesh$pulumi:providers:kubernetes::"
_STACK = "pulumi:pulumi:Stack"
_TWO = PROJECT / "examples" / "two-clusters.yaml"


def _document() -> tuple[dict[str, Any], dict[str, str]]:
    """The import file for all that the example has in its clusters, and its configuration."""
    values = decrypted(_TWO)
    write_kubeconfigs(values["istio-mesh:clusters"])
    flat = {key: json.dumps(value) for key, value in values.items()}
    config = load_values("istio-mesh", flat, stack="dev", is_secret=lambda _: False).valid()
    existing = [
        existing_object(name, declared)
        for name, own in inventory(config).items()
        for declared in own
        if declared.type in IMPORTED
    ]
    return import_document(config, existing, "organization/istio-mesh/dev"), flat


def _places(document: dict[str, Any]) -> dict[Place, dict[str, Any]]:
    """The resources of an import file by type and logical name, and those of all above them."""
    by_name = {resource["name"]: resource for resource in document["resources"]}

    def place(resource: dict[str, Any]) -> Place:
        above = place(by_name[resource["parent"]]) if "parent" in resource else ()
        return ((resource["type"], resource.get("logicalName", resource["name"])), *above)

    return {place(resource): resource for resource in by_name.values()}


def _declared(recording: Recording) -> dict[Place, Registration]:
    by_urn = {r.urn: r for r in recording.resources}

    def place(one: Registration) -> Place:
        above = by_urn.get(one.parent)
        return ((one.type, one.name), *(place(above) if above and above.type != _STACK else ()))

    return {place(r): r for r in recording.resources}


def test_imported_resources_have_the_places_ids_and_providers_of_the_program() -> None:
    """Components and providers that hold them, too; all that may be there is imported."""
    document, flat = _document()
    recording = run_config(flat)
    by_urn = {r.urn: r for r in recording.resources}
    found, program = _places(document), _declared(recording)
    assert found.keys() <= program.keys()
    wanted = {place for place, r in program.items() if r.type in IMPORTED and not r.read}
    assert {place for place, r in found.items() if "id" in r} == wanted
    for place, resource in found.items():
        declared = program[place]
        if "id" in resource:
            assert resource["id"] == _id(declared)
            provider = by_urn[declared.provider]
            assert document["nameTable"][resource["provider"]] == _PROVIDERS + provider.name
            given = {key: value for key, value in provider.inputs.items() if key != "version"}
            assert document["providerInputs"][resource["provider"]] == given
            assert by_urn[provider.parent].type == "mesh:index:Mesh"
        if declared.type == state.SECRET and "type" not in declared.inputs:
            assert "type" in declared.ignored, f"imported, {place[0]} says Opaque, and would be replaced"


def _id(declared: Registration) -> str:
    where = declared.inputs if declared.type == state.RELEASE else declared.inputs["metadata"]
    return f"{where['namespace']}/{where['name']}"
