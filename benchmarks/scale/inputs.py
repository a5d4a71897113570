"""The stack of the benchmark: its configuration, and kubeconfigs of clusters that are not there."""

import base64
import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

# Port 9 is nobody's: a connection is refused at once.
_NOBODY = "https://127.0.0.1:9"
_TOKEN = 900 * "a"
"""As long as one of Kubernetes."""

Config = dict[str, Any]


def names(size: int) -> list[str]:
    """Names of clusters, such as `c001`."""
    return [f"c{number:03}" for number in range(1, size + 1)]


def kubeconfig(clusters: Sequence[str]) -> dict[str, Any]:
    """One kubeconfig with a context for each cluster; nobody answers at its servers."""
    authority = base64.b64encode(_certificate()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": _NOBODY, "certificate-authority-data": authority}}
            for name in clusters
        ],
        "users": [{"name": name, "user": {"token": _TOKEN}} for name in clusters],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in clusters],
    }


def _certificate() -> bytes:
    """A CA as kubeadm makes it, as PEM."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubernetes")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=3650))
    ca = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return ca.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def config(clusters: Sequence[str], kubeconfig_path: str) -> Config:
    """The stack's configuration with all that it needs, and defaults for the rest."""
    return {
        "mesh": {"id": "scale"},
        "clusters": {
            name: {
                "kubeconfig": kubeconfig_path,
                "context": name,
                "apiServer": {"server": f"https://{name}.example.com:6443"},
            }
            for name in clusters
        },
        "pulumi:disable-default-providers": ["kubernetes"],
    }


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of the configuration that concerns one cluster."""

    name: str
    make: Callable[[Config, str], None]


def changed(before: Mapping[str, Any], change: Change, cluster: str) -> Config:
    """The configuration after the change."""
    after = copy.deepcopy(dict(before))
    change.make(after, cluster)
    return after


def _gateway(config: Config, cluster: str) -> None:
    values = {"gateway": {"service": {"annotations": {"example.com/changed": "true"}}}}
    config["clusters"][cluster]["istio"] = {"values": values}


def _api_server(config: Config, cluster: str) -> None:
    config["clusters"][cluster]["apiServer"] = {"server": f"https://new.{cluster}.example.com:6443"}


def _token(config: Config, cluster: str) -> None:
    config["clusters"][cluster]["reader"] = {"tokenGenerations": [1, 2]}


def _remove(config: Config, cluster: str) -> None:
    del config["clusters"][cluster]


def _add(config: Config, cluster: str) -> None:
    last = list(config["clusters"].values())[-1]
    server = {"server": f"https://{cluster}.example.com:6443"}
    config["clusters"][cluster] = {**last, "context": cluster, "apiServer": server}


GATEWAY = Change(name="gateway value", make=_gateway)
API_SERVER = Change(name="API server", make=_api_server)
TOKEN = Change(name="reader's token", make=_token)
ADD = Change(name="cluster added", make=_add)
REMOVE = Change(name="cluster removed", make=_remove)
