"""The JSON Schema of a stack file: it takes what the program takes, and refuses what a schema can know."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from docs.stack_file_schema import schema
from mesh.mappings import deep_merge
from tests.program.recording import PROJECT
from tests.unit.test_refused_configurations import BASE, CASES, Case

_FILE = PROJECT / "docs/stack-file.schema.json"
_STACK_FILES = [
    PROJECT / "Pulumi.dev.yaml",
    *(file for file in sorted((PROJECT / "examples").rglob("*.yaml")) if file.name != "Pulumi.yaml"),
]
_SCHEMA = schema()
_SECRET = {"secure": "v1:AAABAO6"}
# Of the values of others: a kubeconfig, another setting, what a chart takes.
_NOT_KNOWN_TO_A_SCHEMA = {
    "failover twice for a host",
    "failover for a host of another domain",
    "failover of calls that stay inside",
    "failover without sidecars",
    "failover where nothing in istio-system holds for all",
    "failover by which the sample would answer from near only",
    "failover of the sample behind a gateway of several clusters",
    "a kubeconfig for peers from two places",
    "a kubeconfig for peers that a stack has, without the output",
    "an output of no stack",
    "a key of no Secret",
    "a context of a kubeconfig that a stack has",
    "a context that a kubeconfig for peers lacks",
    "a kubeconfig for peers in a file that is not there",
    "a kubeconfig for the peers of all clusters",
    "a way in for a cluster that is not there",
    "a Kiali in a cluster that is not there",
    "a context that the kubeconfig lacks",
    "a kubeconfig that is not there",
    "a kubeconfig that may not be read",
    "a kubeconfig that is no YAML",
    "a kubeconfig that is a list",
    "an empty kubeconfig",
    "a context whose cluster has no server",
    "an API server that is this machine",
    "an API server by the name localhost",
    "an API server at no address",
    "an address for peers that is this machine",
    "a cluster to see that is not there",
    "a label to see that no cluster has",
    "a label to see that only the cluster itself has",
    "a cluster that selects itself",
    "a cluster to see twice",
    "a view of a cluster that has none",
    "a host that is exposed and kept inside",
    "a namespace that is exposed and kept inside",
    "a setting of Istio's that lets out what is kept inside",
    "two clusters with one API server",
    "two clusters with one context",
    "a network without a way in",
    "a way in that leads elsewhere",
    "a primary that is not there",
    "a cluster that is its own primary",
    "a remote as a primary",
    "an address of a control plane without one",
    "a control plane by a host name",
    "a primary whose gateway has a host name",
    "a primary without a gateway",
    "a primary whose gateway has no such ports",
    "an intermediate of a remote",
    "another version than that of the primary",
    "a remote before its primary",
    "a version that is too old",
    "one cluster's version that is too old",
    "two control planes of one revision",
    "an upgrade over three minor versions",
    "an upgrade away from a cluster that is far behind",
    "a second control plane beside one that serves a remote",
    "a revision of a control plane that serves a remote",
    "a next control plane that cannot do without the chart's role",
    "an ambient upgrade by revision from a version that empties gateways",
    "another mesh ID in the values",
    "another cluster name in the values",
    "another network in the values",
    "another trust domain in the values",
    "another gateway name in the values",
    "addresses of one gateway for all",
    "a gateway's address that is none",
    "a gateway's address that leads each peer to itself",
    "a Service inside the cluster as a gateway's address",
    "one address and port for two gateways",
    "an address of a gateway twice",
    "a gateway that no peer can find",
    "a load balancer's preset without one",
    "a load balancer's sources without one",
    "a range of addresses with bits after its prefix",
    "a node port without node ports",
    "a choice of nodes without node ports",
    "a choice of nodes beside addresses",
    "a gateway's port that it has already",
    "one IP family twice",
    "two IP families for a Service with one",
    "two IP families without a policy",
    "more pods than the autoscaler may make",
    "two types of the gateway's Service",
    "an annotation of the gateway's Service twice",
    "another number of pods in the values",
    "another gateway of a network in the values",
    "values below the charts' own root",
    "an intermediate that outlives the root",
    "one cluster's intermediate that outlives the root",
    "a renewal that begins before the certificate",
    "a phase without a root to rotate to",
    "a token twice",
    "a cluster that is here and in another stack",
    "roots that are made here and elsewhere",
    "two ambient clusters on one network",
    "an ambient cluster on the network of another",
    "an ambient cluster without a control plane",
    "an ambient cluster whose control plane serves another",
    "a single service that an ambient cluster exposes",
    "a single service that an ambient cluster keeps inside",
    "a host that no ambient cluster has",
    "entries that make global what is kept inside",
    "another port for gateways without sidecars",
    "a NetworkPolicy for gateways without sidecars",
    "one node port for two gateways",
    "several addresses of an ambient gateway",
    "an ambient gateway by node ports",
    "two gateways by node ports",
    "an ambient network without a way in",
    "sidecars that an ambient cluster without a gateway would let wait",
    "waypoints without an ambient cluster",
    "definitions of the Gateway API without an ambient cluster",
    "a namespace with two waypoints",
    "a waypoint for Istio itself",
    "a stub for sidecars",
    "a stub twice",
    "a stub for HelloWorld",
    "values for ztunnel in a mesh of sidecars",
    "values for the node agent in a cluster of sidecars",
    "a trust domain that ambient cannot have yet",
    "waypoints that lead nowhere yet",
    "a token that a stale ambient control plane would not take",
    "another network in the values for ztunnel",
    "a node agent that makes nothing ambient",
    "an ambient control plane for one network",
    "a key for a root that is made elsewhere",
}


def _errors(document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in Draft7Validator(_SCHEMA).iter_errors(document)]


def _stack_file(sections: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"config": {f"istio-mesh:{key}": value for key, value in sections.items()}, **others}


def _valid() -> dict[str, Any]:
    return yaml.safe_load(BASE)


def test_the_schema_is_that_of_the_models() -> None:
    """After a changed setting: `make reference`."""
    Draft7Validator.check_schema(_SCHEMA)
    assert json.loads(_FILE.read_text(encoding="utf-8")) == _SCHEMA


@pytest.mark.parametrize("path", _STACK_FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_our_own_stack_files_are_valid_and_name_the_schema(path: Path) -> None:
    """In their first line, relative to themselves, as the YAML language server takes it."""
    text = path.read_text(encoding="utf-8")
    assert _errors(yaml.safe_load(text)) == []
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named
    assert (path.parent / named[1]).resolve() == _FILE


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.mistake)
def test_a_mistake_is_refused_where_a_schema_can_know_it(case: Case) -> None:
    """The table is that of the program's own messages."""
    document = _stack_file(deep_merge(_valid(), yaml.safe_load(case.written)))
    assert bool(_errors(document)) is (case.mistake not in _NOT_KNOWN_TO_A_SCHEMA), _errors(document)


def test_the_table_of_mistakes_has_all_that_are_excepted() -> None:
    """A mistake that is renamed would not be tested any more."""
    assert {case.mistake for case in CASES} >= _NOT_KNOWN_TO_A_SCHEMA


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _places(inner, (*path, key))


def _with_secret_at(document: Any, path: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(document)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = _SECRET
    return changed


def test_every_value_may_be_a_secret() -> None:
    """Whole sections, clusters, entries of lists, Helm values: Pulumi encrypts what users mark."""
    document = yaml.safe_load((PROJECT / "examples/three-clusters.yaml").read_text(encoding="utf-8"))
    places = list(_places(document["config"]))
    assert len(places) > 60
    for path in places:
        assert _errors(_with_secret_at(document, ("config", *path))) == [], path
    half = deep_merge(_valid(), {"mesh": {"id": {"secure": "v1:AAA", "insecure": "x"}}})
    assert _errors(_stack_file(half)), "a secret has one key"


def test_a_private_key_is_a_secret_or_refused() -> None:
    """As the program refuses it in plain text."""
    for key, valid in ((_SECRET, True), ("-----BEGIN PRIVATE KEY-----", False), (None, True)):
        document = _stack_file({**_valid(), "trust": {"root": {"privateKey": key}}})
        assert (not _errors(document)) is valid, key


@pytest.mark.parametrize(
    ("sections", "others", "valid"),
    [
        ({}, {"secretsprovider": "awskms://alias/mesh", "encryptedkey": "AQIC"}, True),
        ({}, {"encryptionsalt": "v1:abc"}, True),
        ({}, {"environment": ["prod"]}, True),
        ({}, {"confg": {}}, False),
        ({"trust": {"shared": True}, "clusters": None}, {}, False),
        ({"helloWorld": True}, {}, True),
        ({"mesh": {"id": 1}}, {}, True),
        ({"istio": {"version": 1.31}}, {}, False),
        ({"clusters": {"east": {"context": "east", "exposure": None, "network": None}}}, {}, True),
    ],
)
def test_what_stands_beside_and_between_the_settings(
    sections: dict[str, Any], others: dict[str, Any], valid: bool
) -> None:
    """Pulumi's own keys, switches, numbers that the CLI makes of texts, and what is left empty."""
    document = _stack_file({**_valid(), **sections}, **others)
    assert (not _errors(document)) is valid, _errors(document)


def test_keys_of_other_namespaces_are_free() -> None:
    """Those of Pulumi and its providers; a key without a namespace is none."""
    for key, valid in (
        ("pulumi:disable-default-providers", True),
        ("kubernetes:strictMode", True),
        ("istio-meshes:mesh", True),
        ("istio-mesh:meshes", False),
        ("mesh", False),
    ):
        document = _stack_file(_valid())
        document["config"][key] = ["kubernetes"]
        assert (not _errors(document)) is valid, key


def test_what_is_required_may_be_in_an_environment_or_in_another_stack() -> None:
    """The stack of the roots has no clusters, and an ESC environment may have any setting."""
    assert len(_errors({})) == 1
    assert len(_errors({"config": {}})) == 2
    assert _errors({"environment": ["prod"]}) == []
    assert _errors(_stack_file({"mesh": {"id": "dev"}, "trust": {"shared": True}})) == []
    assert len(_errors(_stack_file({"mesh": {"id": "dev"}, "trust": {"shared": False}}))) == 1


def _settings(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every setting of the schema with its name."""
    for name, definition in node["definitions"].items():
        for key, value in definition.get("properties", {}).items():
            if name != "secret":
                yield f"{name}.{key}", value
    yield from node["properties"]["config"]["properties"].items()


def test_every_setting_has_a_description_and_examples_that_are_valid() -> None:
    """An editor shows both."""
    settings = dict(_settings(_SCHEMA))
    assert len(settings) > 50
    for name, setting in settings.items():
        assert setting["description"], name
        for example in setting["examples"]:
            one = {**setting, "definitions": _SCHEMA["definitions"]}
            errors = [error.message for error in Draft7Validator(one).iter_errors(example)]
            assert errors == [], (name, example)
    assert settings["IntermediateSection.validityHours"]["default"] == 17520
