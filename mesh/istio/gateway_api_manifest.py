"""The manifest with the definitions of the Gateway API: where it comes from, and what is in it."""

import urllib.error
import urllib.request
from pathlib import Path

import yaml

from mesh.mappings import Json, as_map, at

GROUP = "gateway.networking.k8s.io"
DEFINITION = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
_SECONDS = 30
_KINDS = frozenset(
    {"CustomResourceDefinition", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
)
_EXPECTED = "expected standard-install.yaml of a release of kubernetes-sigs/gateway-api"
# Without libyaml, a manifest of a megabyte takes ten seconds.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ManifestError(Exception):
    """A manifest of the Gateway API cannot be used; the message says why, and what was expected."""


def read_manifest(place: str) -> tuple[Json, ...]:
    """The documents of the manifest at a URL or path.

    Raises:
        ManifestError: it cannot be read, or is another manifest.
    """
    try:
        if place.startswith(("https://", "http://")):
            with urllib.request.urlopen(place, timeout=_SECONDS) as answer:  # noqa: S310 - no other scheme
                text = answer.read().decode()
        else:
            text = Path(place).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise ManifestError(f"cannot read {place}: {reason}; {_EXPECTED}, by its URL or its path") from error
    return parse_manifest(place, text)


def parse_manifest(place: str, text: str) -> tuple[Json, ...]:
    """The documents of a manifest's text; `place` is where it is from.

    Raises:
        ManifestError: it lacks the definitions of Gateway and GatewayClass, or has other objects.
    """
    try:
        loaded: list[object] = [*yaml.load_all(text, Loader=_LOADER)]
    except yaml.YAMLError as error:
        raise ManifestError(f"{place} is not YAML; {_EXPECTED}") from error
    documents = [found for one in loaded if (found := as_map(one))]
    names = {str(at(document, "metadata", "name")) for document in documents}
    if missing := sorted({f"gateways.{GROUP}", f"gatewayclasses.{GROUP}"} - names):
        raise ManifestError(f"{place} lacks {', '.join(missing)}; {_EXPECTED}")
    if others := sorted({str(document.get("kind")) for document in documents} - _KINDS):
        raise ManifestError(f"{place} has {', '.join(others)} beside definitions; {_EXPECTED}")
    return tuple(documents)


def logical_name(cluster: str, name: str) -> str:
    """The logical name of a document in a cluster."""
    return f"{cluster}-gateway-api-{name}"
