"""What a cluster that is away has: declared as the state has it, so that Pulumi leaves it alone."""

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from mesh.config.resolved import ClusterConfig
from mesh.discovery.reader import token_kubeconfig
from mesh.kubeconfig.write import NOWHERE
from mesh.mappings import Json
from mesh.observability.names import KIALI_READER
from mesh.stacks.state import PROVIDER, RecordedResource

# The engine keeps a value in the state that the program cannot decrypt as a map with this key.
_ENCRYPTED = "4dabf18193072939515e22adb298388d"


class _Recorded(pulumi.CustomResource):
    """A resource with the inputs that it has; `data` is that of a Secret."""

    data: pulumi.Output[Any]

    def __init__(self, resource: RecordedResource, opts: pulumi.ResourceOptions) -> None:
        super().__init__(resource.type, resource.name, {"data": None}, opts)


class OfflineCluster:
    """A cluster that is away, with its remote secrets: nothing of it is created, changed, deleted or read.

    `expires` is when its intermediate CA expires; it and `istio_version` are None where the last update did
    not come so far. `revocation_list` is the CRL of that CA as PEM, if it was stated.
    """

    expires: str | None
    revocation_list: str | None
    istio_version: str | None
    gateway_addresses: Sequence[str]

    def __init__(
        self,
        cluster: ClusterConfig,
        recorded: Sequence[RecordedResource],
        mesh: pulumi.Resource,
        providers: Mapping[str, pulumi.ProviderResource],
        given: pulumi.Output[str] | None,
    ) -> None:
        """Declare what is recorded of the cluster; what its components have stated is taken from there.

        `given` is the kubeconfig for peers that the configuration gives.
        """
        self._given = given
        self._cluster = cluster
        self._declared = declare(recorded, mesh, providers)
        stated = {resource.name: _plain(resource.outputs) for resource in recorded if not resource.custom}
        intermediate = stated.get(f"{cluster.name}-intermediate", {})
        self.expires = intermediate.get("expires")
        self.revocation_list = intermediate.get("revocationList")
        self.istio_version = stated.get(f"{cluster.name}-control-plane", {}).get("version")
        self.gateway_addresses = stated.get(cluster.name, {}).get("gatewayAddresses", ())

    @property
    def kubeconfig(self) -> pulumi.Output[str] | None:
        """The kubeconfig for peers, with the newest token; None where there is no token yet."""
        token = self._token()
        return token_kubeconfig(self._cluster.name, self._cluster.api_server, token) if token else self._given

    @property
    def kubeconfigs_from(self) -> Mapping[str, pulumi.Output[str]]:
        """Those for single reading clusters."""
        token, servers = self._token(), self._cluster.api_servers_from
        return (
            {n: token_kubeconfig(self._cluster.name, s, token) for n, s in servers.items()} if token else {}
        )

    def _token(self) -> pulumi.Output[Any] | None:
        """The data of the Secret with the newest token of the reader."""
        prefix = f"{self._cluster.name}-reader-token-g"
        tokens = {
            int(name.removeprefix(prefix)): resource
            for name, resource in self._declared.items()
            if name.startswith(prefix) and isinstance(resource, _Recorded)
        }
        return tokens[max(tokens)].data if tokens and self._cluster.kubeconfig is None else None

    def kiali_kubeconfig(self, home: str) -> pulumi.Output[str] | None:
        """The kubeconfig for a Kiali in the cluster `home`; None where there is no token yet."""
        token = self._declared.get(f"{self._cluster.name}-{KIALI_READER}-token")
        if not isinstance(token, _Recorded):
            return None
        return token_kubeconfig(self._cluster.name, self._cluster.api_server_for(home), token.data)


def providers_to_nowhere(
    recorded: Iterable[RecordedResource], clusters: Container[str], opts: pulumi.ResourceOptions
) -> dict[str, kubernetes.Provider]:
    """The providers of clusters that are away, as far as there are any: they have no cluster to ask."""
    return {r.name: _to_nowhere(r, opts) for r in recorded if r.type == PROVIDER and r.name in clusters}


def _to_nowhere(before: RecordedResource, opts: pulumi.ResourceOptions) -> kubernetes.Provider:
    path = before.outputs.get("kubeconfig")
    # To compare two kubeconfigs the provider reads both, and fails for a file that is gone.
    gone = isinstance(path, str) and path != NOWHERE and not Path(path).expanduser().is_file()
    unchanged = pulumi.ResourceOptions(ignore_changes=["*"] if gone else None)
    return kubernetes.Provider(
        before.name,
        kubeconfig=NOWHERE,
        cluster_identifier=before.name,
        enable_secret_mutable=True,
        opts=pulumi.ResourceOptions.merge(opts, unchanged),
    )


def declare(
    resources: Iterable[RecordedResource],
    mesh: pulumi.Resource,
    providers: Mapping[str, pulumi.ProviderResource],
) -> dict[str, pulumi.Resource]:
    """Declare resources of the state as they are, and give them by their logical names.

    What the stack only reads is left out: it would be read again.
    """
    by_urn: dict[str, pulumi.Resource] = {}
    by_name: dict[str, pulumi.Resource] = {}
    for resource in resources:
        if resource.read:
            continue
        made_by, _, cluster = resource.provider.rpartition("::")
        opts = pulumi.ResourceOptions(
            parent=by_urn.get(resource.parent, mesh),
            provider=providers[cluster] if made_by.endswith(PROVIDER) else None,
            version=resource.provider_version,
            ignore_changes=["*"],
        )
        if resource.custom:
            found = _Recorded(resource, opts)
        else:
            found = pulumi.ComponentResource(resource.type, resource.name, None, opts)
            found.register_outputs(_plain(resource.outputs))
        by_urn[resource.urn] = by_name[resource.name] = found
    return by_name


def _plain(outputs: Json) -> dict[str, Any]:
    """The outputs of a component without those that hold a secret."""
    return {key: value for key, value in outputs.items() if _ENCRYPTED not in json.dumps(value)}
