"""When the wait for what istiod makes of a Gateway goes on."""

import asyncio

import pulumi
import pytest

from mesh.istio import managed_gateway

_MISSING = 'Deployment.apps "gateway" is invalid: [spec.selector: Required value, spec.template: ...]'


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([_MISSING], True),
        ([_MISSING] * 60, True),
        ([_MISSING] * 61, False),
        (["3 errors: Deployment exceeded its progress deadline", _MISSING], False),
        (["the API server gives no answer"], False),
    ],
    ids=["not made yet", "not made after a while", "not made in time", "pods that do not start", "no answer"],
)
def test_a_patch_is_tried_again_until_there_is_a_deployment(
    monkeypatch: pytest.MonkeyPatch, errors: list[str], expected: bool
) -> None:
    """All else that fails is an error at once; the newest failure comes first."""
    monkeypatch.setattr(managed_gateway, "_BETWEEN_TRIES_SECONDS", 0.0)
    failure = pulumi.ErrorHookArgs("urn", "id", "gateway-pods", "type", errors=errors)
    assert asyncio.run(managed_gateway.again_until_made(failure)) is expected
