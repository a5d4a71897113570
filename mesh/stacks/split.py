"""What must hold between the stacks of a split mesh, as far as their configurations show it. Pure."""

from collections.abc import Iterator, Mapping

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig
from mesh.stacks import contract


def problems(name: str, stacks: Mapping[str, StackConfig]) -> Iterator[Problem]:
    """Why the stack cannot be in one mesh with the others.

    Args:
        name: the stack whose configuration gets the problems.
        stacks: all stacks, each by the name that the user calls it, with or without organization and project.
    """
    config = stacks[name]
    for other, theirs in stacks.items():
        if other == name:
            break  # what two stacks have in common is a problem of the later one
        for cluster in config.clusters.keys() & theirs.clusters.keys():
            yield Problem(
                path=f"clusters.{cluster}",
                message=f"is in the stack {other} too; expected each cluster in one stack",
            )
        if config.mesh != theirs.mesh and not (_reference(config, other) or _reference(theirs, name)):
            yield Problem(
                path="mesh",
                message=f"is the mesh {config.mesh.id} with the trust domain {config.mesh.trust_domain}, and "
                f"the stack {other} belongs to {theirs.mesh.id} with {theirs.mesh.trust_domain}; expected "
                "stacks of one mesh",
            )
    for other, theirs in stacks.items():
        if other != name and (full := _reference(config, other)):
            yield from contract.problems(config, full, contract.stated(theirs))
            yield from _unknown_peers(config, full, theirs)


def warnings(name: str, stacks: Mapping[str, StackConfig]) -> Iterator[Problem]:
    """Other data planes, and clusters of the other stacks that the stack's own will not see."""
    config = stacks[name]
    for other, theirs in stacks.items():
        if other != name and _reference(config, other):
            yield from contract.warnings(config, contract.stated(theirs))
    if all(cluster.sees is not None for cluster in config.clusters.values()):
        return  # what they see is said by name
    for other, theirs in stacks.items():
        unseen = [cluster for cluster in theirs.clusters if cluster not in {*config.peers, *config.clusters}]
        if other != name and unseen and config.mesh == theirs.mesh:
            yield Problem(
                path="peers",
                message=f"has no entry for {', '.join(unseen)} of the stack {other}, so the clusters of this "
                f"stack will not see them; expected for example {{{unseen[0]}: {{stack: "
                f"organization/istio-mesh/{other.rpartition('/')[2]}}}}}",
            )


def _unknown_peers(config: StackConfig, full: str, theirs: StackConfig) -> Iterator[Problem]:
    for cluster, stack in config.peers.items():
        if stack == full and cluster not in theirs.clusters:
            yield Problem(
                path=f"peers.{cluster}",
                message=f"the stack {full} has no cluster {cluster}; expected one of: "
                f"{', '.join(theirs.clusters) or 'none'}",
            )


def _reference(config: StackConfig, name: str) -> str | None:
    """The full name by which a stack's configuration refers to another; None where it does not."""
    named = [*config.peers.values(), *filter(None, [config.trust.stack])]
    return next((full for full in named if full == name or full.endswith(f"/{name}")), None)
