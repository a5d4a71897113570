"""The stack of the benchmark: its configuration, and kubeconfigs of clusters that are not there. Pure."""

import base64
import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Port 9 is nobody's: a connection is refused at once.
_NOBODY = "https://127.0.0.1:9"
# As long as what a kubeconfig has of a cluster: a CA, a certificate and a key, in Base64.
_FILLER = base64.b64encode(b"-----BEGIN CERTIFICATE-----\n" + 17 * (63 * b"A" + b"\n")).decode()

Config = dict[str, Any]


def names(size: int) -> list[str]:
    """Names of clusters, such as `c001`."""
    return [f"c{number:03}" for number in range(1, size + 1)]


def kubeconfig(clusters: Sequence[str]) -> dict[str, Any]:
    """One kubeconfig with a context for each cluster; nobody answers at its servers."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": _NOBODY, "certificate-authority-data": _FILLER}}
            for name in clusters
        ],
        "users": [{"name": name, "user": {"token": _FILLER}} for name in clusters],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in clusters],
    }


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
