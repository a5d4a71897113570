"""Reads what the ztunnel of a node uses: the certificates of its workloads, and where their calls go.

It has no shell: the API server forwards to its admin port. What it answers is in `src/admin.rs` of
istio/ztunnel, and `istioctl/pkg/writer/ztunnel/configdump` of istio/istio reads the same.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from cryptography import x509

from mesh.config.resolved import Connection
from mesh.istio.names import HBONE_PORT, NAMESPACE
from mesh.live.ambient import read_hbone_gateway_pods, read_ztunnel_pods
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.concurrent import for_each
from mesh.live.facts import Holders, PathFacts
from mesh.live.kubernetes_api import ExecError, KubernetesApi
from mesh.live.pods import runs, with_port
from mesh.live.proxies import connection_failure, probe, workload_trust
from mesh.mappings import Json, as_map, at
from mesh.pki.certificates import name, parse, path_to_root, to_pem
from mesh.pki.renewal import Held

_ADMIN_PORT = 15000
_SECONDS = 10.0
_SPLIT_HORIZON = "SplitHorizonWorkload"


def read_dump(api: KubernetesApi, pod: str) -> Json:
    """The configuration and the certificates of a ztunnel; private keys are left out of it.

    Raises:
        ExecError: it cannot be asked.
    """
    return api.ask_pod(NAMESPACE, pod, _ADMIN_PORT, "/config_dump", timeout=_SECONDS)


def read_holders(api: KubernetesApi) -> Holders:
    """The certificates that the ztunnels and the gateway for ambient workloads hold, and who was not asked.

    A pod that is not ready has no certificate that counts: it asks for new ones when it starts.
    """
    ztunnels = {str(pod["metadata"]["name"]) for pod in read_ztunnel_pods(api) if runs(pod)}
    gateways = {str(pod["metadata"]["name"]) for pod in read_hbone_gateway_pods(api) if runs(pod)}

    def one(pod: str) -> tuple[Held, ...] | str:
        try:
            return tuple(held(pod, read_dump(api, pod)) if pod in ztunnels else _of_gateway(api, pod))
        except ExecError as error:
            return str(error)

    found = for_each(sorted(ztunnels | gateways), one)
    return Holders(
        held=tuple(h for held_by in found.values() if not isinstance(held_by, str) for h in held_by),
        not_asked={pod: why for pod, why in found.items() if isinstance(why, str)},
    )


def read_holders_of(connection: Connection) -> Holders:
    """The same of a cluster to connect to; one that gives no answer has nobody who was asked."""
    try:
        return read_holders(KubernetesApi.connect(connection))
    except (UnreachableError, RefusedError) as error:
        return Holders(not_asked={"the API server": str(error)})


def held(pod: str, dump: Json) -> Iterator[Held]:
    """The certificates of workloads in what a ztunnel answers. Pure.

    Those that it has no more use for have none, and those that it waits for have none yet.

    Raises:
        ExecError: the answer has another form.
    """
    try:
        for entry in cast(Iterable[Json], dump["certificates"]):
            if entry["state"] != "Available":
                continue
            chain, roots = ("".join(_pem(c) for c in entry[part]) for part in ("certChain", "rootCerts"))
            path = path_to_root((*parse(chain), *parse(roots)))
            yield _held(pod, str(entry["identity"]), path, parse(roots))
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise ExecError(f"the certificates of {NAMESPACE}/{pod} cannot be read") from error


def endpoints(dump: Json, host: str) -> tuple[str, ...]:
    """Where a ztunnel sends calls of a service, from what it answers. Pure.

    Addresses of pods, and for those behind the gateway of another network the gateway's with its port.

    Raises:
        ExecError: the answer has another form.
    """
    try:
        workloads = {str(w["uid"]): w for w in _listed(dump["workloads"])}
        uids = [
            str(endpoint["workloadUid"])
            for service in _listed(dump["services"])
            if service["hostname"] == host
            for endpoint in _listed(service["endpoints"])
        ]
        return tuple(address for uid in uids if (address := _address(uid, workloads.get(uid))))
    except (KeyError, TypeError, AttributeError) as error:
        raise ExecError("ztunnel's list of endpoints cannot be read") from error


def read_path(api: KubernetesApi, *, node: str | None, host: str, ways: Iterable[str]) -> PathFacts:
    """How ambient workloads of a node reach a service, and whether the first of some addresses answers.

    Args:
        api: of the cluster.
        node: whose ztunnel is asked.
        host: of the service.
        ways: addresses with ports of gateways; connections are tried from the cluster's own gateway, which
            nothing redirects.
    """
    ztunnels = [pod for pod in read_ztunnel_pods(api) if runs(pod) and at(pod, "spec", "nodeName") == node]
    if not ztunnels:
        return PathFacts(problem=f"no ztunnel is ready on the node {node}")
    try:
        found = endpoints(read_dump(api, str(ztunnels[0]["metadata"]["name"])), host)
        probed = next(iter(ways), None)
        own = [pod for pod in read_hbone_gateway_pods(api) if runs(pod)]
        if probed is None or not own:
            return PathFacts(endpoints=found)
        output = probe(api, NAMESPACE, str(own[0]["metadata"]["name"]), probed)
        return PathFacts(endpoints=found, probed=probed, probe=connection_failure(output))
    except ExecError as error:
        return PathFacts(problem=str(error))


def _address(uid: str, workload: Json | None) -> str | None:
    if _SPLIT_HORIZON in uid:
        # As `<network>/<address or host>`.
        way: str = at(workload, "networkGateway", "destination") or ""
        port = at(workload, "networkGateway", "hboneMtlsPort")
        return with_port(way.partition("/")[2], int(port or HBONE_PORT)) if way else None
    addresses: list[str] = at(workload, "workloadIps") or []
    return addresses[0] if addresses else None


def _listed(objects: object) -> list[Json]:
    """The objects in a list, or in a map by their keys; it was one and the other over time."""
    found = cast(Mapping[str, Json], objects).values() if as_map(objects) is not None else objects
    return list(cast(Iterable[Json], found))


def _pem(certificate: Json) -> str:
    return base64.b64decode(str(certificate["pem"])).decode()


def _of_gateway(api: KubernetesApi, pod: str) -> Iterator[Held]:
    trust = workload_trust(api, NAMESPACE, pod)
    yield _held(pod, "", trust.path, trust.roots)


def _held(
    pod: str, identity: str, path: Sequence[x509.Certificate], roots: Iterable[x509.Certificate]
) -> Held:
    *_, root = path
    return Held(
        holder=pod,
        identity=identity,
        intermediate=name(path[1]) if len(path) > 1 else "unknown",
        root=to_pem(root),
        trusted="".join(map(to_pem, roots)),
    )
