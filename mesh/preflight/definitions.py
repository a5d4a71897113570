"""Whether a cluster knows the kinds of the Prometheus Operator, where the stack would use them. Pure."""

from collections.abc import Iterator, Mapping

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig
from mesh.live.facts import FoundObjects, ObjectAddress
from mesh.observability.scrape import MONITORS_API

_KINDS = ("podmonitors", "prometheusrules", "servicemonitors")

ADDRESSES = {
    ObjectAddress(
        path="/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
        f"{kind}.{MONITORS_API.partition('/')[0]}"
    ): kind
    for kind in _KINDS
}
"""Where each definition is, and the kind that it defines."""


def problems(config: StackConfig, found: Mapping[str, FoundObjects]) -> Iterator[Problem]:
    """A problem for each cluster that has `observability` and lacks a definition.

    Args:
        config: the stack's configuration.
        found: which of `ADDRESSES` each cluster has, by the cluster's name.
    """
    for name, objects in found.items():
        missing = [kind for address, kind in ADDRESSES.items() if address not in objects.by_address]
        if objects.unknown:
            what = f"cannot look for the definitions of the Prometheus Operator: {objects.unknown}"
        elif missing:
            what = f"the Prometheus Operator is not in {name}: it does not know {', '.join(missing)}"
        else:
            continue
        yield Problem(
            path=f"{config.clusters[name].path('observability')}.enabled",
            message=f"{what}; expected the operator to be installed first. For a Prometheus without it: "
            "`python -m mesh observability` (docs/observability.md)",
        )
