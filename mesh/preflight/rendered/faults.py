"""What the mesh needs and the manifests of a chart lack. Pure.

Each check takes the manifests of one chart and gives a message, or None. Check and message identify a fault.
So the value that causes it can be found by leaving values out.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mesh.preflight.manifests import no_text
from mesh.preflight.rendered import ambient, base, gateway, istiod, remote
from mesh.preflight.rendered.expected import Check, Expected, Manifests

_CHECKS: Mapping[str, tuple[Check, ...]] = {
    "base": base.CHECKS,
    "istiod": istiod.CHECKS,
    "cni": ambient.CNI_CHECKS,
    "ztunnel": ambient.ZTUNNEL_CHECKS,
    "gateway": gateway.CHECKS,
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`check` is the name of what found it."""

    check: str
    message: str


def faults(chart: str, manifests: Manifests, expected: Expected) -> Iterator[Fault]:
    """The faults of a chart (`base`, `istiod`, `gateway`, `cni`, `ztunnel`)."""
    checks = remote.CHECKS if chart == "istiod" and expected.remote else _CHECKS[chart]
    for check in checks:
        if message := check(manifests, expected):
            yield Fault(check=check.__name__, message=message)
    for where, which, value in no_text(manifests):
        text = json.dumps(value)
        yield Fault(
            check="text",
            message=f'expected text as the {which} of {where}, got {text}; write "{text}" in quotes',
        )
