"""Whether users' own rules override failover, and whether nodes have the regions that it needs. Pure.

A client follows the DestinationRule of its own namespace, or else of the service's, or else of Istio's root
namespace; within a namespace, the one with the most specific host (`destinationRule` in
`pilot/pkg/model/push_context.go` in istio/istio). Of VirtualServices, it follows the one with the most
specific host, or else the oldest.
"""

from collections.abc import Iterator, Mapping, Sequence

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig
from mesh.config.types import Preference
from mesh.istio.addresses import Node
from mesh.istio.hosts import cluster_domain, covers, service_host
from mesh.istio.names import NAMESPACE, REGION_LABEL, failover_name
from mesh.live.facts import TrafficRule, TrafficRules
from mesh.plan import cluster_plan

_SEE = "docs/failover.md"


def used(config: StackConfig) -> tuple[str, ...]:
    """The names of the clusters in which failover is configured."""
    return tuple(name for name in config.online if cluster_plan(config, name).failover)


def by_region(config: StackConfig) -> tuple[str, ...]:
    """The names of the clusters whose regions count."""
    regions = any(failover.prefer is Preference.REGION for failover in config.failover)
    return tuple(config.online) if regions else ()


def problems(config: StackConfig, found: Mapping[str, TrafficRules]) -> Iterator[Problem]:
    """A problem for each rule that would override failover.

    Args:
        config: of the stack.
        found: the rules in the clusters of `used`, by the cluster's name.
    """
    for name, rules in found.items():
        if rules.refused:
            yield Problem(
                path="failover",
                message=f"the DestinationRules and VirtualServices of {name} cannot be read: {rules.refused};"
                " expected a user in the kubeconfig who may list them in all namespaces",
            )
        domain = cluster_domain(config.clusters[name])
        for index, failover in enumerate(config.failover):
            for position, host in enumerate(failover.hosts):
                others = [r for r in rules.rules if _is_in_the_way(r, host, domain)]
                if not others:
                    continue
                listed = ", ".join(f"{rule.kind} {rule.namespace}/{rule.name}" for rule in others)
                yield Problem(
                    path=f"failover.{index}.hosts.{position}",
                    message=f"{host}: {name} has {listed}, which "
                    f"{'is' if len(others) == 1 else 'are'} for this host, too, and would override failover; "
                    "expected one of the two: delete what is there, or leave the host out "
                    f"({_SEE}#rules-of-your-own)",
                )


def _is_in_the_way(rule: TrafficRule, host: str, domain: str) -> bool:
    if (rule.namespace, rule.name) == (NAMESPACE, failover_name(host)):
        return False  # the stack's own; or it is there already, which is said of all that the stack makes
    hosts = [_full(written, rule.namespace, domain) for written in rule.hosts]
    if rule.kind == "DestinationRule" and rule.namespace != NAMESPACE:
        return any(covers(written, host) for written in hosts)
    return host in hosts  # one with a wildcard is less specific


def _full(host: str, namespace: str, domain: str) -> str:
    """A host as istiod reads it: a name without dots is a Service in the rule's namespace."""
    return host if "." in host or host == "*" else service_host(host, namespace, domain)


def warnings(config: StackConfig, nodes: Mapping[str, Sequence[Node]]) -> Iterator[str]:
    """A warning for each cluster with nodes without a region, if the order depends on regions.

    Args:
        config: of the stack.
        nodes: the nodes that could be read, by the cluster's name.
    """
    for name in by_region(config):
        lacking = sum(REGION_LABEL not in node.labels for node in nodes.get(name, ()))
        if lacking:
            yield (
                f"{lacking} of the {len(nodes[name])} nodes of {name} have no label {REGION_LABEL}: for "
                f"`prefer: {Preference.REGION}` all such nodes of the mesh are one region ({_SEE}#regions)"
            )
