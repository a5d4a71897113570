"""Certificates that proxies use now, read from the proxies themselves."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509

from mesh.live.kubernetes_api import Api, ExecError, Json, at
from mesh.live.pods import PROXY, containers
from mesh.pki.validation import issued

_SECONDS = 10.0
# Private keys are not in it: Envoy leaves them out.
_SECRETS = ("pilot-agent", "request", "GET", "config_dump?resource=dynamic_active_secrets")


@dataclass(frozen=True, kw_only=True)
class WorkloadTrust:
    """What one proxy shows (`chain`, its own certificate first) and what it trusts (`roots`).

    Istio puts the whole bundle of roots behind the chain, those included that have not signed it.
    """

    chain: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]

    @property
    def path(self) -> tuple[x509.Certificate, ...]:
        """The certificates from its own up to the root that it leads to, each signed by the next."""
        path: list[x509.Certificate] = [self.chain[0]]
        while issuer := next((c for c in self.chain if c not in path and issued(path[-1], c)), None):
            path.append(issuer)
        return tuple(path)


def workload_trust(api: Api, namespace: str, pod: str) -> WorkloadTrust:
    """What the proxy in a pod shows and trusts.

    Raises:
        ExecError: it cannot be asked, or has no certificate yet.
    """
    said = api.execute(namespace, pod, PROXY, _SECRETS, timeout=_SECONDS).stdout
    try:
        secrets = {str(entry["name"]): entry["secret"] for entry in json.loads(said)["configs"]}
        return WorkloadTrust(
            chain=_certificates(secrets["default"], "tls_certificate", "certificate_chain"),
            roots=_certificates(secrets["ROOTCA"], "validation_context", "trusted_ca"),
        )
    except (ValueError, KeyError, TypeError, binascii.Error) as broken:
        raise ExecError(f"the proxy of {namespace}/{pod} has no certificate yet") from broken


def _certificates(secret: Json, *path: str) -> tuple[x509.Certificate, ...]:
    inline: str = at(secret, *path, "inline_bytes") or ""
    return tuple(x509.load_pem_x509_certificates(base64.b64decode(inline)))


def injected(pods: Sequence[Json]) -> list[tuple[str, str]]:
    """Namespace and name of the pods that have a proxy and run."""
    return [
        (str(pod["metadata"]["namespace"]), str(pod["metadata"]["name"]))
        for pod in pods
        if at(pod, "status", "phase") == "Running"
        and "deletionTimestamp" not in pod["metadata"]
        and PROXY in containers(pod)
    ]
