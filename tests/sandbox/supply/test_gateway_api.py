"""The manifest of the Gateway API."""

from pathlib import Path

import yaml

from mesh import versions
from sandbox import gateway_api
from tests.sandbox.supply.needs import needs_go

pytestmark = needs_go
_ANNOTATIONS = "gateway.networking.k8s.io"


def test_the_manifest_has_the_definitions_that_the_program_installs_elsewhere(cache_folder: Path) -> None:
    """Same version and channel as the release that is the default of `gatewayApi.manifest`."""
    said: list[str] = []
    manifest = gateway_api.ensure(say=said.append)
    assert manifest.is_relative_to(cache_folder)
    documents = list(yaml.safe_load_all(manifest.read_text()))
    names = {d["metadata"]["name"] for d in documents if d["kind"] == "CustomResourceDefinition"}
    needed = ("gateways", "gatewayclasses", "httproutes", "grpcroutes", "referencegrants")
    assert {f"{name}.gateway.networking.k8s.io" for name in needed} <= names
    found = {
        tuple(d["metadata"]["annotations"][f"{_ANNOTATIONS}/{key}"] for key in ("bundle-version", "channel"))
        for d in documents
    }
    assert found == {(f"v{versions.GATEWAY_API}", "standard")}
    assert gateway_api.ensure(say=said.append) == manifest
    assert len(said) == 1
