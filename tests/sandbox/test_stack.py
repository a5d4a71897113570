"""The working copy of a stack file, without a cluster."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import stack
from sandbox.paths import CHECKOUT

MANIFEST = Path("/somewhere/standard-install.yaml")
AMBIENT = {"istio-mesh:dataPlane": "ambient"}


def _document(**config: Any) -> dict[str, Any]:
    document = yaml.safe_load((CHECKOUT / "Pulumi.dev.yaml").read_text())
    return {**document, "config": {**document["config"], **config}}


def _complete(document: dict[str, Any], salt: dict[str, Any] | None = None) -> dict[str, Any]:
    return stack.complete(document, salt or {}, "http://127.0.0.1:1", MANIFEST)


def test_a_mesh_with_sidecars_gets_the_chart_repository_and_nothing_else():
    """Also where it says that it has sidecars."""
    for config in ({}, {"istio-mesh:dataPlane": "sidecar"}):
        document = _document(**config)
        before = copy.deepcopy(document)
        completed = _complete(
            document, {"encryptionsalt": "v1:abc", "config": {"istio-mesh:mesh": {"id": "x"}}}
        )
        assert document == before
        assert completed.pop("encryptionsalt") == "v1:abc"
        istio = completed["config"]["istio-mesh:istio"]
        assert istio.pop("chartRepository") == "http://127.0.0.1:1"
        assert completed == document


@pytest.mark.parametrize("plane", ["ambient", "both"])
def test_an_ambient_mesh_gets_the_gateway_api_and_images_without_variant(plane: str):
    """Beside the values that the file has for sidecars."""
    config = _complete(_document(**{"istio-mesh:dataPlane": plane}))["config"]
    assert config["istio-mesh:gatewayApi"] == {"manifest": str(MANIFEST)}
    values = config["istio-mesh:istio"]["values"]
    own = _document()["config"]["istio-mesh:istio"]["values"]
    assert values["gateway"] == own["gateway"]
    assert values["istiod"]["env"] == own["istiod"]["env"]
    assert own["istiod"]["global"].items() <= values["istiod"]["global"].items()
    variants = [values["istiod"]["global"], values["cni"]["global"], values["ztunnel"]]
    assert [entry["variant"] for entry in variants] == ["", "", ""]


def test_one_ambient_cluster_is_enough():
    """Then all of them get what it needs."""
    document = _document()
    document["config"]["istio-mesh:clusters"]["west"]["dataPlane"] = "ambient"
    config = _complete(document)["config"]
    assert "istio-mesh:gatewayApi" in config
    assert "cni" in config["istio-mesh:istio"]["values"]


def test_what_the_stack_file_says_goes_first():
    """Of the values and of the Gateway API."""
    own = {"cni": {"global": {"hub": "registry.example.com/istio"}}}
    document = _document(
        **AMBIENT, **{"istio-mesh:gatewayApi": {"manifest": "mine.yaml"}, "istio-mesh:istio": {"values": own}}
    )
    config = _complete(document)["config"]
    assert config["istio-mesh:gatewayApi"] == {"manifest": "mine.yaml"}
    istio = config["istio-mesh:istio"]["values"]["cni"]["global"]
    assert istio == {"hub": "registry.example.com/istio", "imagePullPolicy": "Never", "variant": ""}


def test_the_working_copy_has_no_anchors():
    """YAML would write an object that is there twice as a reference, which is not what people write."""
    assert "&id" not in yaml.safe_dump(_complete(_document(**AMBIENT)))
