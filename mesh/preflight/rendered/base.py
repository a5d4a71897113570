"""What the mesh needs in the chart `base`. Pure."""

from collections.abc import Sequence

from mesh.istio.names import NAMESPACE, READER_ACCOUNT
from mesh.mappings import Json, at
from mesh.preflight.manifests import find
from mesh.preflight.rendered.expected import Check, Expected, Manifests


def _reader_account(manifests: Manifests, expected: Expected) -> str | None:
    if not expected.reader or find(manifests, "ServiceAccount", READER_ACCOUNT, NAMESPACE):
        return None
    return (
        f"leaves {NAMESPACE} without the account {READER_ACCOUNT}, by which the other clusters read this "
        "one's services"
    )


def _definitions(manifests: Manifests, _: Expected) -> str | None:
    if find(manifests, "CustomResourceDefinition", "gateways.networking.istio.io"):
        return None
    return (
        "leaves the cluster without the definition of Istio's Gateway, which exposes services to the others"
    )


def _validator(manifests: Manifests, expected: Expected) -> str | None:
    """Whether the API server asks an existing istiod about Istio's objects."""
    webhook = find(manifests, "ValidatingWebhookConfiguration", "istiod-default-validator")
    entries: Sequence[Json] = at(webhook, "webhooks") or []
    asked = {str(name) for entry in entries if (name := at(entry, "clientConfig", "service", "name"))}
    if asked <= {expected.istiod}:
        return None
    return (
        f"makes the API server ask {', '.join(sorted(asked))}, which does not exist, about Istio's objects; "
        f"expected {expected.istiod}"
    )


CHECKS: tuple[Check, ...] = (_reader_account, _definitions, _validator)
