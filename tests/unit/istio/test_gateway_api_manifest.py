"""The manifest of the Gateway API: from where it is read, and what is none."""

from pathlib import Path

import pytest
import yaml

from mesh.istio.gateway_api_manifest import ManifestError, parse_manifest, read_manifest

_KINDS = ("gatewayclasses", "gateways")


def _definition(kind: str) -> dict[str, object]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind}.gateway.networking.k8s.io"},
    }


_MANIFEST = "---\n".join(["# a licence\n", *(yaml.safe_dump(_definition(kind)) for kind in _KINDS)])


def test_a_manifest_is_read_from_a_file(tmp_path: Path) -> None:
    """Documents without contents are none."""
    path = tmp_path / "gateway-api.yaml"
    path.write_text(_MANIFEST, encoding="utf-8")
    assert read_manifest(str(path)) == tuple(_definition(kind) for kind in _KINDS)


@pytest.mark.parametrize(
    "place", ["/no/such/file.yaml", "http://127.0.0.1:1/standard-install.yaml", "https://[bad/x.yaml"]
)
def test_a_manifest_that_is_not_there_is_one_message(place: str) -> None:
    """With what was expected, whatever the reason."""
    with pytest.raises(ManifestError, match=r"^cannot read .*; expected standard-install\.yaml") as refused:
        read_manifest(place)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "is not YAML"),
        ("", "lacks gatewayclasses.gateway.networking.k8s.io, gateways.gateway.networking.k8s.io"),
        (yaml.safe_dump(_definition("gateways")), "lacks gatewayclasses.gateway.networking.k8s.io;"),
        (
            f"{_MANIFEST}---\nkind: Deployment\nmetadata: {{name: webhook}}\n",
            "has Deployment beside definitions",
        ),
    ],
)
def test_another_manifest_is_refused(text: str, words: str) -> None:
    """It would be installed in every cluster, and stay there."""
    with pytest.raises(ManifestError) as refused:
        parse_manifest("x.yaml", text)
    assert words in str(refused.value)
    assert str(refused.value).startswith("x.yaml ")
