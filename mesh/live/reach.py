"""Connects from inside a cluster: from the proxy of a pod, whose own connections nothing redirects.

Istio's image has curl and openssl, but for the distroless one: there its agent connects, and no TLS is
spoken.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mesh.istio.names import GATEWAY_LABEL, HBONE_GATEWAY, NAMESPACE, PROXY_CONTAINER
from mesh.live.ambient import GATEWAY_NAME_LABEL
from mesh.live.concurrent import for_each
from mesh.live.inspected import Handshake, Reach
from mesh.live.kubernetes_api import ExecError, KubernetesApi
from mesh.live.pods import TLS_MODE, has_proxy, runs
from mesh.live.proxies import connection_failure, probe
from mesh.mappings import Json, as_map
from mesh.samples import names as sample

_CONNECT_SECONDS = 3
_MOST_SECONDS = 5
_EXEC_SECONDS = 30.0
_MOST_PODS = "100"
_REFUSED, _TIMED_OUT, _TUNNEL = 7, 28, 56
_NO_CONNECTION = {5: "the proxy's name cannot be resolved", 6: "its name cannot be resolved"}
_ROOTS = "/var/run/secrets/istio/root-cert.pem"
_NOT_VERIFIED = re.compile(r"verify error:num=\d+:(.*)")
_CLOSED = ("errno=", "unexpected eof", "alert")
_NO_PROGRAM = ("executable file not found", "no such file or directory")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where to connect to: `address` is a host with a port, `proxy` a URL; with `tls` curl speaks it."""

    address: str
    tls: bool = False
    proxy: str | None = None


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service behind a gateway: `address` is the gateway's with its port, `name` the TLS server name."""

    address: str
    name: str


@dataclass(frozen=True, kw_only=True)
class StartingPoint:
    """A pod with a proxy, in whose container commands are run."""

    namespace: str
    pod: str


def starting_point(api: KubernetesApi) -> StartingPoint | None:
    """A pod to connect from: of a gateway, of HelloWorld, or any with a proxy; None where none runs."""
    for path, selector in (
        (f"/api/v1/namespaces/{NAMESPACE}/pods", f"istio={GATEWAY_LABEL}"),
        (f"/api/v1/namespaces/{NAMESPACE}/pods", f"{GATEWAY_NAME_LABEL}={HBONE_GATEWAY}"),
        (f"/api/v1/namespaces/{sample.NAMESPACE}/pods", f"app={sample.CLIENT}"),
        ("/api/v1/pods", TLS_MODE),
    ):
        for pod in api.list(path, labelSelector=selector, limit=_MOST_PODS):
            if runs(pod) and has_proxy(pod):
                metadata = pod["metadata"]
                return StartingPoint(namespace=str(metadata["namespace"]), pod=str(metadata["name"]))
    return None


def reach(api: KubernetesApi, pod: StartingPoint, targets: Iterable[Target]) -> dict[Target, Reach]:
    """What came of connections from a pod; all are tried at once.

    Raises:
        ExecError: no command can be run in the pod.
    """
    wanted = tuple(dict.fromkeys(targets))
    if not wanted:
        return {}
    try:
        output = _run(api, pod, command(wanted))
    except ExecError as error:
        if not _lacks_program(error):
            raise
        return for_each(wanted, lambda target: _by_agent(api, pod, target))
    found = [document for line in output.splitlines() if (document := as_map(json.loads(line)))]
    return {wanted[int(one["urlnum"])]: outcome(wanted[int(one["urlnum"])], one) for one in found}


def shake_hands(
    api: KubernetesApi, pod: StartingPoint, services: Iterable[Service]
) -> dict[Service, Handshake]:
    """What came of mutual TLS with services behind gateways, up to the client's certificate; all at once.

    Nothing is known where the image has no openssl, and of what takes too long.

    Raises:
        ExecError: no command can be run in the pod.
    """
    wanted = tuple(dict.fromkeys(services))
    if not wanted:
        return {}
    try:
        output = _run(api, pod, ["sh", "-c", script(wanted)])
    except ExecError as error:
        if not _lacks_program(error):
            raise
        return {}
    said = (part.partition("\n") for part in output.split(_MARK)[1:])
    found = {wanted[int(number)]: handshake(words) for number, _, words in said}
    return {service: shaken for service, shaken in found.items() if shaken}


def command(targets: Sequence[Target]) -> list[str]:
    """The curl command that connects to all targets, and says in a line of JSON what came of each."""
    words: list[str] = []
    for target in targets:
        words += [
            *(["--next"] if words else []),
            "--silent",
            "--insecure",
            "--output",
            "/dev/null",
            "--write-out",
            "%{json}\\n",
            "--connect-timeout",
            str(_CONNECT_SECONDS),
            "--max-time",
            str(_MOST_SECONDS),
            # As in Go, a SOCKS proxy looks the name up.
            *(["--proxy", target.proxy.replace("socks5:", "socks5h:")] if target.proxy else []),
            f"{'https' if target.tls else 'http'}://{target.address}/version",
        ]
    return ["curl", "--parallel", "--parallel-immediate", *words]


_MARK = "== handshake "


def script(services: Sequence[Service]) -> str:
    """The shell script that shakes hands with all services, and says after a mark what came of each.

    A gateway passes on what names Istio's protocol (ALPN), and closes all else.
    """
    lines = [
        f"(said=$(echo | timeout {_MOST_SECONDS} openssl s_client -connect {service.address} -servername "
        f"{service.name} -alpn istio -CAfile {_ROOTS} -verify_return_error -brief 2>&1); "
        f'echo "{_MARK}{number}"; echo "$said") &'
        for number, service in enumerate(services)
    ]
    return "\n".join([*lines, "wait"])


def outcome(target: Target, said: Json) -> Reach:
    """What curl's line about a target means. Pure."""
    code, message = int(said.get("exitcode") or 0), str(said.get("errormsg") or "")
    connect = float(said.get("time_connect") or 0) * 1000
    if failure := _failure(code, message, target):
        return Reach(address=target.address, failure=failure)
    return Reach(address=target.address, connect_ms=round(connect, 1) or None)


def handshake(said: str) -> Handshake | None:
    """What openssl's words about a handshake mean; None where it came to no end in time. Pure."""
    if distrusted := _NOT_VERIFIED.search(said):
        return Handshake(distrusted=distrusted[1])
    if "CONNECTION ESTABLISHED" in said:
        return Handshake()
    return Handshake(closed=True) if any(sign in said for sign in _CLOSED) else None


def _failure(code: int, message: str, target: Target) -> str | None:
    if code in _NO_CONNECTION:
        return _NO_CONNECTION[code]
    if code == _TIMED_OUT:
        return None if "SSL" in message or "Operation timed out" in message else "timed out"
    if code == _REFUSED:
        return "connection refused" if "refused" in message or not message else message
    # What else ends with this code has come through the proxy, such as an alert for want of a certificate.
    return message if code == _TUNNEL and target.proxy and "CONNECT" in message.upper() else None


def _run(api: KubernetesApi, pod: StartingPoint, command: Sequence[str]) -> str:
    return api.execute(pod.namespace, pod.pod, PROXY_CONTAINER, command, timeout=_EXEC_SECONDS).stdout


def _by_agent(api: KubernetesApi, pod: StartingPoint, target: Target) -> Reach:
    if target.proxy:
        return Reach(address=target.address)
    said = probe(api, pod.namespace, pod.pod, target.address)
    return Reach(address=target.address, failure=connection_failure(said))


def _lacks_program(error: ExecError) -> bool:
    return any(sign in str(error) for sign in _NO_PROGRAM)
