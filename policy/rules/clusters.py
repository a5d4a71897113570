"""What is in a cluster is meant for that cluster, and says so in the same words everywhere."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mesh.istio.names import (
    GATEWAY,
    ISTIOD,
    NAMESPACE,
    NETWORK_LABEL,
    NETWORK_VIEW,
    REMOTE_SECRET_ANNOTATION,
    REMOTE_SECRET_LABEL,
    remote_secret_name,
)
from mesh.mappings import as_map
from policy.resources import NAMESPACES, RELEASE, SECRET, Resource, Violation

_KUBERNETES = "kubernetes:"
_DEFAULT = "default"
"""How the engine begins the name of a provider that the program did not make."""


def no_default_provider(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    """That a resource goes to whatever cluster kubectl points to."""
    if resource.type.startswith(_KUBERNETES) and resource.provider.startswith(_DEFAULT):
        yield (
            f"its provider is {resource.provider}, which leads to the current context of the kubeconfig of "
            "whoever runs Pulumi; expected the provider of a cluster"
        )


def names_agree(resources: Sequence[Resource], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    """A violation for each place that has another name for a cluster, a network or the mesh."""
    by_cluster: dict[str, list[Resource]] = defaultdict(list)
    for resource in resources:
        by_cluster[resource.provider].append(resource)
    for cluster, own in by_cluster.items():
        for istiod in _releases(own, ISTIOD):
            yield from _identity(cluster, istiod, own)
        for secret in own:
            if secret.type == SECRET and secret.get("metadata", "labels", REMOTE_SECRET_LABEL):
                yield from _remote_secret(cluster, secret)
    for setting in (("global", "meshID"), ("meshConfig", "trustDomain")):
        yield from _one_for_all(list(_releases(resources, ISTIOD)), setting)


def _releases(resources: Sequence[Resource], name: str) -> Iterator[Resource]:
    return (r for r in resources if r.type == RELEASE and r.get("name") == name)


def _identity(cluster: str, istiod: Resource, own: Sequence[Resource]) -> Iterator[Violation]:
    name = istiod.get("values", "global", "multiCluster", "clusterName")
    if name != cluster:
        yield Violation(
            urn=istiod.urn,
            message=f"istiod calls its cluster {name!r}, and its provider is that of {cluster!r}; expected "
            f"`values.global.multiCluster.clusterName: {cluster}`",
        )
    network = istiod.get("values", "global", "network")
    elsewhere = [
        *((r, *_network_of(r)) for r in _releases(own, GATEWAY)),
        *(
            (r, f"the label {NETWORK_LABEL}", r.get("metadata", "labels", NETWORK_LABEL))
            for r in own
            if r.type in NAMESPACES and r.get("metadata", "name") == NAMESPACE
        ),
    ]
    for resource, place, found in elsewhere:
        if found != network:
            yield Violation(
                urn=resource.urn,
                message=f"{place} of {cluster} is {found!r}, and its istiod is on the network {network!r}; "
                f"expected {network!r}",
            )


def _network_of(gateway: Resource) -> tuple[str, object]:
    """Where the values of a gateway's release have its network, and which it is."""
    if network := gateway.get("values", "networkGateway"):
        return "networkGateway", network
    return NETWORK_VIEW, gateway.get("values", "env", NETWORK_VIEW)


def _remote_secret(cluster: str, secret: Resource) -> Iterator[Violation]:
    remote = secret.get("metadata", "annotations", REMOTE_SECRET_ANNOTATION)
    name = secret.get("metadata", "name")
    # Where it cannot be decrypted, there is no map.
    keys = sorted(as_map(secret.get("stringData")) or as_map(secret.get("data")) or {})
    if remote == cluster:
        yield Violation(urn=secret.urn, message=f"{cluster} has a remote secret for itself; expected none")
    if name != remote_secret_name(str(remote)):
        yield Violation(
            urn=secret.urn,
            message=f"the remote secret for {remote} is called {name!r}; "
            f"expected {remote_secret_name(str(remote))!r}",
        )
    if keys and keys != [remote]:
        yield Violation(
            urn=secret.urn,
            message=f"the remote secret for {remote} has the keys {', '.join(keys)}, which istiod takes for "
            f"names of clusters; expected {remote}",
        )


def _one_for_all(istiods: Sequence[Resource], setting: tuple[str, ...]) -> Iterator[Violation]:
    found = {istiod.provider: istiod.get("values", *setting) for istiod in istiods}
    if len({*found.values()}) > 1:
        listed = ", ".join(f"{cluster} {value!r}" for cluster, value in sorted(found.items()))
        yield Violation(message=f"{'.'.join(setting)} differs: {listed}; expected the same in all clusters")
