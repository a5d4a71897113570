"""Other stacks: the roots and clusters of those of the same mesh, and kubeconfigs that any may have."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

import pulumi

from mesh.config.resolved import ClusterConfig, StackConfig, StackOutput
from mesh.discovery.remote_secret import RemoteCluster
from mesh.istio.addresses import PeerAddress, PeerGateway
from mesh.kubeconfig.accepted import refusals
from mesh.mappings import as_map
from mesh.stacks import contract
from mesh.stacks.contract import Contract, StatedAddress, StatedCluster
from mesh.trust.certificate_authority import CertificateAuthority


class StackReferences:
    """The outputs of the other stacks as of their last update; each stack is read once."""

    def __init__(self, config: StackConfig, opts: pulumi.ResourceOptions) -> None:
        self._config = config
        names = dict.fromkeys((*filter(None, [config.trust.stack]), *config.peers.values()))
        given = (c.kubeconfig.output for c in config.clusters.values() if c.kubeconfig)
        stacks = dict.fromkeys((*names, *(output.stack for output in given if output)))
        self._references = {name: pulumi.StackReference(name, opts=opts) for name in stacks}
        self._contracts = {name: self._read(name) for name in names}

    def root(self, generation: int) -> CertificateAuthority:
        """A root that the stack in `trust.stack` has generated."""
        stack = self._config.trust.stack or ""

        def root(found: Contract | None) -> dict[str, str]:
            stated = found.roots.get(str(generation)) if found else None
            if stated is None:
                raise pulumi.RunError(
                    f"trust.stack: {stack} has no root of generation {generation}; expected "
                    "`trust.shared: true` in its configuration, and `pulumi up` there before this one"
                )
            return {
                "certificate": stated.certificate,
                "private_key": stated.private_key,
                "expires": stated.expires,
            }

        stated = self._contracts[stack].apply(root)
        return CertificateAuthority(
            certificate_pem=pulumi.Output.unsecret(stated["certificate"]),
            private_key_pem=pulumi.Output.secret(stated["private_key"]),
            expires=pulumi.Output.unsecret(stated["expires"]),
        )

    def kubeconfig(self, cluster: ClusterConfig, given: StackOutput) -> pulumi.Output[str]:
        """A kubeconfig for the peers of a cluster that is an output of another stack, as a secret."""
        path = cluster.access_setting(None)

        def accepted(output: object) -> str:
            if output is None:
                raise pulumi.RunError(
                    f"{path}: {given.stack} has no output {given.output!r}; expected one with a kubeconfig, "
                    "and `pulumi up` there before this one"
                )
            text = json.dumps(found) if (found := as_map(output)) else str(output)
            for refusal in refusals(text):
                raise pulumi.RunError(f"{path}: the output {given.output!r} of {given.stack}: {refusal}")
            return text

        output = cast(pulumi.Output[object], self._references[given.stack].get_output(given.output))
        return pulumi.Output.secret(output).apply(accepted)

    def remote_cluster(self, name: str, reader: str) -> RemoteCluster:
        """A cluster of another stack, as one cluster reads it.

        It has no kubeconfig before that stack's first update.
        """
        stack = self._config.peers[name]

        def kubeconfigs(found: Contract | None) -> dict[str, str]:
            stated = found.clusters.get(name) if found else None
            if stated is None:
                pulumi.log.warn(
                    f"{stack} has no cluster {name} yet, so no cluster of this stack sees it. Run `pulumi "
                    "up` there, and then here again."
                )
                return {}
            return {name: stated.kubeconfig_for(reader)}

        return RemoteCluster(
            name=name, kubeconfigs=pulumi.Output.secret(self._contracts[stack].apply(kubeconfigs))
        )

    @property
    def gateways(self) -> pulumi.Output[dict[str, PeerGateway]]:
        """What the other stacks say of their clusters' gateways, by the name of each peer."""
        peers = self._config.peers

        def gateways(found: Mapping[str, Contract | None]) -> pulumi.Output[dict[str, PeerGateway]]:
            stated: dict[str, StatedCluster] = {}
            for name, stack in peers.items():
                contract_ = found[stack]
                if contract_ is not None and name in contract_.clusters:
                    stated[name] = contract_.clusters[name]
            known = {name: _gateway(cluster) for name, cluster in stated.items()}
            secret = any(
                a.secret
                for cluster in stated.values()
                for a in (*cluster.gateway_addresses, *cluster.hbone_gateway_addresses)
            )
            return pulumi.Output.secret(known) if secret else pulumi.Output.from_input(known)

        # The output of another stack is a secret as a whole, and no address is one that is none there.
        contracts = {stack: pulumi.Output.unsecret(self._contracts[stack]) for stack in peers.values()}
        return pulumi.Output.all(**contracts).apply(gateways)

    @property
    def revocation_lists(self) -> pulumi.Output[dict[str, str]]:
        """The CRLs of the peers' intermediates as PEM, by name; empty if a stack states none."""
        peers = self._config.peers

        def lists(found: Mapping[str, Contract | None]) -> dict[str, str]:
            stated = {
                name: known.clusters[name].revocation_list
                for name, stack in peers.items()
                if (known := found[stack]) is not None and name in known.clusters
            }
            if silent := [name for name, pem in stated.items() if not pem]:
                pulumi.log.warn(
                    f"trust.revoked: no cluster of this stack gets CRLs yet, since the stack of "
                    f"{', '.join(silent)} states none, and proxies would refuse its workloads. Set "
                    "trust.revoked there too, run `pulumi up` there, and then here again."
                )
            return stated

        contracts = {stack: self._contracts[stack] for stack in peers.values()}
        return pulumi.Output.unsecret(pulumi.Output.all(**contracts).apply(lists))

    def _read(self, stack: str) -> pulumi.Output[Contract | None]:
        def parsed(output: Mapping[str, Any] | None) -> Contract | None:
            if output is None:
                return None
            try:
                found = contract.parse(stack, output)
            except ValueError as invalid:
                raise pulumi.RunError(str(invalid)) from invalid
            for problem in contract.problems(self._config, stack, found):
                raise pulumi.RunError(self._config.secrets.masked(str(problem)))
            for warning in contract.warnings(self._config, found):
                pulumi.log.warn(self._config.secrets.masked(str(warning)))
            return found

        return self._references[stack].get_output(contract.OUTPUT).apply(parsed)


def _gateway(cluster: StatedCluster) -> PeerGateway:
    return PeerGateway(
        network=cluster.network,
        addresses=_addresses(cluster.gateway_addresses),
        hbone=_addresses(cluster.hbone_gateway_addresses),
    )


def _addresses(stated: Iterable[StatedAddress]) -> tuple[PeerAddress, ...]:
    return tuple(PeerAddress(address=a.address, port=a.port) for a in stated)
