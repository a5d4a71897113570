"""Reads what a pod's proxy uses: certificates, endpoints, and whether it can connect to another cluster."""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from cryptography import x509

from mesh.istio.names import PROXY_CONTAINER
from mesh.live.concurrent import for_each
from mesh.live.facts import PathFacts
from mesh.live.kubernetes_api import ExecError, KubernetesApi
from mesh.live.pods import injected
from mesh.mappings import Json, at
from mesh.pki.certificates import name, parse, path_to_root

_SECONDS = 10.0
# Envoy leaves private keys out of it.
_SECRETS = ("pilot-agent", "request", "GET", "config_dump?resource=dynamic_active_secrets")
_CLUSTERS = ("pilot-agent", "request", "GET", "clusters?format=json")
_UNKNOWN = ("unknown", "unknown")


@dataclass(frozen=True, kw_only=True)
class WorkloadTrust:
    """The certificates that one proxy presents (`chain`, its own first) and those that it trusts (`roots`).

    Istio puts the whole trust bundle behind the chain, also the roots that have not signed it.
    """

    chain: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]

    @property
    def path(self) -> tuple[x509.Certificate, ...]:
        """The certificates from the proxy's own up to its root, each signed by the next."""
        return path_to_root(self.chain)


def workload_trust(api: KubernetesApi, namespace: str, pod: str) -> WorkloadTrust:
    """The certificates of the proxy in a pod.

    Raises:
        ExecError: the proxy cannot be asked, or has no certificate yet.
    """
    dump = api.execute(namespace, pod, PROXY_CONTAINER, _SECRETS, timeout=_SECONDS).stdout
    try:
        secrets = {str(entry["name"]): entry["secret"] for entry in json.loads(dump)["configs"]}
        return WorkloadTrust(
            chain=_certificates(secrets["default"], "tls_certificate", "certificate_chain"),
            roots=_certificates(secrets["ROOTCA"], "validation_context", "trusted_ca"),
        )
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise ExecError(f"the proxy of {namespace}/{pod} has no certificate yet") from error


def count_issuers(api: KubernetesApi) -> Counter[tuple[str, str]]:
    """How many proxies of a cluster have a certificate of which intermediate and root, by common names."""
    pods = injected(api.list("/api/v1/pods"))
    return Counter(for_each(pods, lambda pod: _issuers(api, *pod)).values())


def read_path(
    api: KubernetesApi, namespace: str, pod: str, *, service: str, port: int, ways: Iterable[str]
) -> PathFacts:
    """How a pod's proxy reaches a service, and whether it can connect to the first of some addresses.

    Args:
        api: of the pod's cluster.
        namespace: of the pod.
        pod: one with a proxy.
        service: host name of the service without the cluster domain, such as `helloworld.sample`.
        port: of the service.
        ways: addresses with ports by which calls go to the other cluster: of gateways, or of pods.
    """
    try:
        endpoints = _endpoints(
            api.execute(namespace, pod, PROXY_CONTAINER, _CLUSTERS, timeout=_SECONDS).stdout, service, port
        )
        probed = next(iter(ways), None)
        if probed is None:
            return PathFacts(endpoints=endpoints)
        output = probe(api, namespace, pod, probed)
        return PathFacts(endpoints=endpoints, probed=probed, probe=connection_failure(output))
    except ExecError as error:
        return PathFacts(problem=str(error))


def probe(api: KubernetesApi, namespace: str, pod: str, address: str) -> str:
    """What the agent says of a connection from the proxy's container, which bypasses the proxy.

    `address` is a host with a port. Raises ExecError where the agent cannot be run.
    """
    arguments = ("--timeoutSeconds", "2", "--requestTimeoutMillis", "1500", "--periodMillis", "100")
    command = ["pilot-agent", "wait", "--url", f"http://{address}/", *arguments]
    return api.execute(namespace, pod, PROXY_CONTAINER, command, timeout=_SECONDS).stderr


def connection_failure(output: str) -> str | None:
    """Why no connection was established, from the output of the probe; None where one was. Pure.

    The gateway closes every connection that is not mutual TLS, so a connection that it closes was
    established.
    """
    last = (output.strip().splitlines() or [""])[-1].rpartition("Last error: ")[2]
    for sign, reason in (
        ("connection refused", "connection refused"),
        ("no route to host", "no route to host"),
        ("network is unreachable", "network is unreachable"),
        ("no such host", "its name cannot be resolved"),
        ("context deadline exceeded", "timed out"),
        ("i/o timeout", "timed out"),
    ):
        if sign in last:
            return reason
    return None


def _endpoints(admin: str, service: str, port: int) -> tuple[str, ...]:
    """Addresses with ports of a service, from Envoy's admin page `clusters` as JSON."""
    prefix = f"outbound|{port}||{service}.svc."
    try:
        hosts = [
            host["address"]["socket_address"]
            for status in cast(Iterable[Json], json.loads(admin)["cluster_statuses"])
            if str(status.get("name", "")).startswith(prefix)
            for host in status.get("host_statuses", [])
            if "socket_address" in host.get("address", {})
        ]
        return tuple(f"{host['address']}:{host['port_value']}" for host in hosts)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExecError("the proxy's list of endpoints cannot be read") from error


def _certificates(secret: Json, *path: str) -> tuple[x509.Certificate, ...]:
    inline: str = at(secret, *path, "inline_bytes") or ""
    return parse(base64.b64decode(inline).decode())


def _issuers(api: KubernetesApi, namespace: str, pod: str) -> tuple[str, str]:
    try:
        path = workload_trust(api, namespace, pod).path
    except ExecError:
        return _UNKNOWN
    *_, root = path
    return (name(path[1]) if len(path) > 1 else "unknown"), name(root)
