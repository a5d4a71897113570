"""Gives each Service of type LoadBalancer one of the cluster's addresses: the cloud's part, in small.

Runs as a process of the cluster: `python -m sandbox.cluster.load_balancer KUBECONFIG ADDRESS...`.
The addresses are on the node's interface, and kube-proxy does the rest once a Service's status has
one. A Service may ask for a certain one by `spec.loadBalancerIP`; one that names a class of load
balancers is left to others. Each address is given once.

With `--host-names`, the status has a host name in place of the address, of which kube-proxy knows nothing:
rules of ours then lead the Service's ports to its node ports, as the load balancers of clouds do.
"""

import argparse
import dataclasses
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from sandbox.cluster.layout import host_name
from sandbox.cluster.system import run

_RETRY_SECONDS = 1
_WATCH_SECONDS = 60
"""A watch ends after this, and all Services are looked at anew."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A Service, as far as addresses matter: `holds` is what its status has, `asks` what its spec wants."""

    namespace: str
    name: str
    wants: bool
    asks: str | None
    holds: tuple[str, ...]
    ports: tuple[tuple[int, int], ...] = ()
    """TCP ports, and the node port of each."""
    families: tuple[str, ...] = ("IPv4",)

    @property
    def key(self) -> str:
        """Namespace and name in one."""
        return f"{self.namespace}/{self.name}"


def assignments(claims: Iterable[Claim], pool: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the addresses that each claim's status should have, for those where it must change. Pure.

    Who holds an address of the pool keeps it; then the rest are served in the order of their names,
    as long as there are addresses.
    """
    ordered = sorted(claims, key=lambda claim: claim.key)
    settled: dict[str, str] = {}
    for claim in ordered:
        held = claim.holds[0] if len(claim.holds) == 1 else None
        usable = held in pool and held not in settled.values() and claim.asks in (None, held)
        if held and claim.wants and usable:
            settled[claim.key] = held
    for claim in ordered:
        free = [address for address in pool if address not in settled.values()]
        if claim.wants and claim.key not in settled:
            chosen = next((address for address in free if claim.asks in (None, address)), None)
            if chosen:
                settled[claim.key] = chosen
    wanted = {claim.key: (settled[claim.key],) if claim.key in settled else () for claim in ordered}
    return {claim.key: wanted[claim.key] for claim in ordered if wanted[claim.key] != claim.holds}


def claim_of(service: Mapping[str, Any]) -> Claim:
    """Return a Service, as its JSON has it, as a claim. Pure."""
    metadata, spec = service["metadata"], service["spec"]
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress") or []
    return Claim(
        namespace=metadata["namespace"],
        name=metadata["name"],
        wants=spec.get("type") == "LoadBalancer" and "deletionTimestamp" not in metadata,
        asks=spec.get("loadBalancerIP") or None,
        holds=tuple(entry.get("ip") or entry.get("hostname", "") for entry in ingress),
        families=tuple(spec.get("ipFamilies", ["IPv4"])),
        ports=tuple(
            (port["port"], port["nodePort"])
            for port in spec.get("ports", [])
            if "nodePort" in port and port.get("protocol", "TCP") == "TCP"
        ),
    )


def port_rules(claims: Iterable[Claim], addresses: Mapping[str, str]) -> str:
    """Return the nftables rules by which ports of Services lead to their node ports. Pure.

    `addresses` has the address of each host name. Only the port is changed, before and after all that
    kube-proxy does: in its eyes, it is node ports that are called.
    """
    ports = [(addresses[c.holds[0]], *pair) for c in claims if c.holds for pair in c.ports]
    there = "\n".join(
        f"    ip daddr {address} tcp dport {port} tcp dport set {node_port}"
        for address, port, node_port in ports
    )
    back = "\n".join(
        f"    ip saddr {address} tcp sport {node_port} tcp sport set {port}"
        for address, port, node_port in ports
    )
    return f"""
table ip load-balancer
delete table ip load-balancer
table ip load-balancer {{
  chain there {{
    type filter hook prerouting priority raw; policy accept;
{there}
  }}
  chain back {{
    type filter hook postrouting priority srcnat + 100; policy accept;
{back}
  }}
}}
"""


def of_families(address: str, families: Sequence[str], of_ipv6: Mapping[str, str]) -> tuple[str, ...]:
    """Return an address in each of a Service's IP families, as far as the load balancer has them. Pure."""
    addresses = {"IPv4": address, "IPv6": of_ipv6.get(address)}
    return tuple(found for family in families if (found := addresses[family]))


class Controller:
    """Watches Services and writes their statuses.

    `pool` has what Services can get. With `addresses`, these are host names, with the address of each.
    `of_ipv6` has the address of IPv6 that goes with one.
    """

    def __init__(
        self,
        api: client.CoreV1Api,
        pool: Sequence[str],
        *,
        addresses: Mapping[str, str] | None,
        of_ipv6: Mapping[str, str],
    ) -> None:
        self._api = api
        self._pool = pool
        self._addresses = addresses
        self._of_ipv6 = of_ipv6
        self._claims: dict[str, Claim] = {}

    def run(self) -> None:
        """List all Services, then follow their changes until the watch ends."""
        services = self._api.list_service_for_all_namespaces()
        # Not `to_dict`, which has Python's names for the keys.
        listing = cast("dict[str, Any]", self._api.api_client.sanitize_for_serialization(services))
        self._claims = {}
        for service in listing["items"]:
            self._note(service)
        self._settle()
        stream = watch.Watch().stream(
            self._api.list_service_for_all_namespaces,
            resource_version=listing["metadata"]["resourceVersion"],
            timeout_seconds=_WATCH_SECONDS,
        )
        # As inferred, it could give lines of text, too: those are of logs.
        changes = cast("Iterable[Mapping[str, Any]]", stream)
        for change in changes:
            self._note(change["raw_object"], deleted=change["type"] == "DELETED")
            self._settle()

    def _note(self, service: Mapping[str, Any], *, deleted: bool = False) -> None:
        claim = claim_of(service)
        if claim.holds:
            complete = (a for a in self._pool if of_families(a, claim.families, self._of_ipv6) == claim.holds)
            # Of two, nothing is kept.
            address = next(complete, None)
            claim = dataclasses.replace(claim, holds=(address,) if address else (*claim.holds, ""))
        if deleted or service["spec"].get("loadBalancerClass"):
            self._claims.pop(claim.key, None)
        else:
            self._claims[claim.key] = claim

    def _settle(self) -> None:
        for key, addresses in assignments(self._claims.values(), self._pool).items():
            namespace, name = key.split("/")
            key_of = "ip" if self._addresses is None else "hostname"
            families = self._claims[key].families
            held = [h for address in addresses for h in of_families(address, families, self._of_ipv6)]
            ingress = [{key_of: address} for address in held] or None
            body = {"status": {"loadBalancer": {"ingress": ingress}}}
            try:
                self._api.patch_namespaced_service_status(name, namespace, body)
            except ApiException as error:
                if error.status != HTTPStatus.NOT_FOUND:  # deleted meanwhile: its event is on the way
                    raise
            self._claims[key] = dataclasses.replace(self._claims[key], holds=addresses)
            print(f"{key}: {', '.join(held) or 'no address'}", flush=True)
        if self._addresses is not None:
            run(["nft", "--file", "-"], given=port_rules(self._claims.values(), self._addresses))


def main() -> None:
    """Work until killed; an API server that is away is waited for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host-names", action="store_true")
    parser.add_argument("kubeconfig")
    parser.add_argument("addresses", nargs="+", help="IPv4, or IPv4,IPv6")
    options = parser.parse_args()
    pairs = dict(address.partition(",")[::2] for address in options.addresses)
    names = {host_name("lb", address): address for address in pairs} if options.host_names else None
    of_ipv6 = {} if names else {address: second for address, second in pairs.items() if second}
    api = client.CoreV1Api(config.new_client_from_config(options.kubeconfig))
    while True:
        try:
            Controller(api, list(names or pairs), addresses=names, of_ipv6=of_ipv6).run()
        except (ApiException, HTTPError) as error:
            print(f"again in {_RETRY_SECONDS} s: {error}", flush=True)
            time.sleep(_RETRY_SECONDS)


if __name__ == "__main__":
    main()
