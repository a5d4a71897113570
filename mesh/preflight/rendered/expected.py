"""What a cluster's charts must come to, and how a check says what they lack. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from mesh.istio.addresses import PeerAddress
from mesh.istio.names import GATEWAY_PORT, ISTIOD, revisioned
from mesh.istio.values import Ways
from mesh.mappings import Json, as_map

TRUE = ("true", "1", "t")
"""The values that turn a variable on, in lower case."""

Manifests: TypeAlias = Sequence[Json]
"""Those of one chart."""
ObjectName: TypeAlias = tuple[str, str, str]
"""Kind, namespace and name of an object; the namespace is empty if it has none."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a cluster's charts must come to.

    A `remote` has no istiod of its own. The istiod of a cluster that `serves` also serves remotes.
    `reader` is whether the chart makes the account by which others read the cluster, `reader_role` whether it
    makes its role too. `kubeconfig_folder` are the clusters whose kubeconfigs istiod reads from its folder;
    it is empty if istiod reads remote secrets. `given` is whether the stack gives the gateway's addresses, so
    that the Service must yield none, `port` the Service's port for other networks, and `network_policy`
    whether there must be one. `ways` are the addresses of other gateways that istiod must have. `revision` is
    that of the control plane that is made, or that serves what is made; if it is `led`, the tag `default`
    serves what names no revision. `taken` maps objects that something else makes to what makes them.
    """

    cluster: str
    network: str
    mesh_id: str
    trust_domain: str
    reader: bool = True
    reader_role: bool = True
    remote: bool = False
    serves: bool = False
    kubeconfig_folder: frozenset[str] = frozenset()
    given: bool = False
    port: int = GATEWAY_PORT
    network_policy: bool = False
    ways: Ways = field(default_factory=dict[str, Sequence[PeerAddress]])
    ambient: bool = False
    revision: str = ""
    led: bool = False
    taken: Mapping[ObjectName, str] = field(default_factory=dict[ObjectName, str])

    @property
    def istiod(self) -> str:
        """Name of the Deployment and the Service of that control plane."""
        return revisioned(ISTIOD, self.revision)


Check: TypeAlias = Callable[[Manifests, Expected], str | None]
"""What is taken away, or None."""


def object_names(manifests: Iterable[Json]) -> Iterator[ObjectName]:
    """Of all objects among the manifests."""
    for manifest in manifests:
        metadata = as_map(manifest.get("metadata")) or {}
        yield str(manifest.get("kind")), str(metadata.get("namespace") or ""), str(metadata.get("name"))
