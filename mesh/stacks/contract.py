"""What the stacks of one mesh tell each other by a secret output. Pure.

mesh:     {id, trustDomain}
trust:    {signing: generation, trusted: [generation, …]}
roots:    {generation: {certificate, privateKey, expires}}    roots made here, where others may sign
clusters: {name: {network, kubeconfig}}                       how peers read the clusters of this stack
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig
from mesh.pki.rotation import roots

OUTPUT = "shared"


def facts(config: StackConfig) -> dict[str, Any]:
    """What does not depend on any resource: which mesh it is, and which roots its clusters go by."""
    trust = roots(config.trust)
    return {
        "mesh": {"id": config.mesh.id, "trustDomain": config.mesh.trust_domain},
        "trust": {
            "signing": trust.signing.generation,
            "trusted": [root.generation for root in trust.bundle],
        },
    }


def problems(config: StackConfig, stack: str, said: Mapping[str, Any]) -> Iterator[Problem]:
    """Why this stack cannot be in one mesh with another stack, from what that one said."""
    own = facts(config)
    peers = [name for name, place in config.peers.items() if place == stack]
    path = f"peers.{peers[0]}.stack" if peers else "trust.stack"
    if said["mesh"] != own["mesh"]:
        yield Problem(
            path=path,
            message=f"{stack} is of the mesh {said['mesh']}, and this stack of {own['mesh']}; "
            "expected the same mesh.id and mesh.trustDomain in both",
        )
    if peers:
        yield from _roots(stack, own["trust"], said["trust"])
    networks = {cluster.network: name for name, cluster in config.clusters.items()}
    for name, cluster in said["clusters"].items():
        if name in peers and cluster["network"] in networks:
            yield Problem(
                path=f"clusters.{networks[cluster['network']]}.network",
                message=f"{cluster['network']!r} is the network of {name} in {stack} too; "
                "expected one of its own",
            )


def _roots(stack: str, own: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[Problem]:
    """Each must trust the root that the other signs with; a rotation may be one phase ahead."""
    if int(there["signing"]) not in own["trusted"]:
        yield Problem(
            path="trust.phase",
            message=f"{stack} signs with the root of generation {int(there['signing'])}, and this stack "
            f"would trust {own['trusted']} only; expected every stack at one phase before any goes on",
        )
    if own["signing"] not in there["trusted"]:
        yield Problem(
            path="trust.phase",
            message=f"this stack would sign with the root of generation {own['signing']}, and {stack} trusts "
            f"{[int(number) for number in there['trusted']]} only; expected every stack at one phase before "
            "any goes on",
        )
