"""Kubeconfigs: one for each of a cluster's own clients, the administrator's, and all of those merged."""

import base64
import contextlib
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from sandbox.cluster.files import write_private
from sandbox.cluster.layout import ClusterLayout


def kubeconfig(name: str, server: str, ca: bytes, user: Mapping[str, str]) -> dict:
    """Return a kubeconfig of one cluster, whose cluster, user and context have one name. Pure."""
    authority = base64.b64encode(ca).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": [{"name": name, "user": dict(user)}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def merged(configs: Sequence[Mapping], current: str | None) -> dict:
    """Return one kubeconfig with all clusters; the current context stays while it exists. Pure."""
    contexts = [context["name"] for config in configs for context in config["contexts"]]
    result = {
        "apiVersion": "v1",
        "kind": "Config",
        **{
            kind: [entry for config in configs for entry in config[kind]]
            for kind in ("clusters", "users", "contexts")
        },
    }
    if contexts:
        result["current-context"] = current if current in contexts else contexts[0]
    return result


def ensure(cluster: ClusterLayout) -> None:
    """Write the administrator's kubeconfig, whose token stays, and those of the cluster's own clients."""
    ca = (cluster.pki / "ca.crt").read_bytes()
    token = admin_token(cluster) or secrets.token_urlsafe(32)
    _write(cluster.kubeconfig, kubeconfig(cluster.name, cluster.server, ca, {"token": token}))
    for client in ("kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "load-balancer"):
        user = {
            "client-certificate": str(cluster.pki / f"{client}.crt"),
            "client-key": str(cluster.pki / f"{client}.key"),
        }
        _write(client_file(cluster, client), kubeconfig(cluster.name, cluster.server, ca, user))
    if cluster.surroundings.api_server == "relay":
        _write(cluster.relay / "kubeconfig", _of_relay(cluster))


def _of_relay(cluster: ClusterLayout) -> dict:
    """Return a kubeconfig as a relay gives it to its users: all in it is the relay's."""
    files = {"client-certificate-data": "client.crt", "client-key-data": "client.key"}
    user = {
        key: base64.b64encode((cluster.relay / file).read_bytes()).decode() for key, file in files.items()
    }
    content = kubeconfig(cluster.name, cluster.relay_server, (cluster.relay / "ca.crt").read_bytes(), user)
    content["clusters"][0]["cluster"]["tls-server-name"] = cluster.relay_name
    return content


def client_file(cluster: ClusterLayout, client: str) -> Path:
    """Return the kubeconfig of one of the cluster's own clients."""
    return cluster.settings / f"{client}.kubeconfig"


def admin_token(cluster: ClusterLayout) -> str | None:
    """Return the administrator's token, which is kept in the kubeconfig only; None before there is one."""
    content = _read(cluster.kubeconfig)
    return content["users"][0]["user"]["token"] if content else None


def write_merged(path: Path, clusters: Sequence[ClusterLayout]) -> None:
    """Write the kubeconfig of all clusters, or remove it when there is none."""
    configs = [content for cluster in clusters if (content := _read(cluster.kubeconfig))]
    if not configs:
        path.unlink(missing_ok=True)
        return
    current = _read(path)
    _write(path, merged(configs, current.get("current-context") if current else None))


def _read(path: Path) -> dict | None:
    with contextlib.suppress(FileNotFoundError):
        return yaml.safe_load(path.read_text())
    return None


def _write(path: Path, content: Mapping) -> None:
    write_private(path, yaml.safe_dump(content, sort_keys=False))
