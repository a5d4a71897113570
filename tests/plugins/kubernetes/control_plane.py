"""A Kubernetes API server with its controllers, and no nodes: all that a provider speaks to.

It needs no rights of any kind, is up in a few seconds and can be paused, which is how a cluster
that nobody answers from looks.
"""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_START_SECONDS = 60.0


class ControlPlane:
    """A running control plane; `kubeconfig` is a file whose one context bears its name."""

    def __init__(self, name: str, folder: Path, tools: Mapping[str, Path]) -> None:
        self.name = name
        self.kubeconfig = folder / "kubeconfig"
        self.server = ""
        self._folder = folder
        self._tools = tools
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start the processes and wait until the API server is ready."""
        token = secrets.token_hex(16)
        etcd, peer, api, controllers = _free_ports(4)
        self.server = f"https://127.0.0.1:{api}"
        self._write("tokens.csv", f"{token},admin,admin,system:masters\n")
        self._write("accounts.key", _new_key())
        self._write("kubeconfig", json.dumps(_kubeconfig(self.name, self.server, token)))
        etcd_address = f"http://127.0.0.1:{etcd}"
        self._run(
            "etcd",
            f"--data-dir={self._folder / 'etcd'}",
            "--unsafe-no-fsync",
            f"--listen-client-urls={etcd_address}",
            f"--advertise-client-urls={etcd_address}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-cluster=default=http://127.0.0.1:{peer}",
        )
        accounts = self._folder / "accounts.key"
        self._run(
            "kube-apiserver",
            f"--etcd-servers={etcd_address}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--secure-port={api}",
            f"--cert-dir={self._folder / 'certificates'}",
            f"--token-auth-file={self._folder / 'tokens.csv'}",
            f"--service-account-key-file={accounts}",
            f"--service-account-signing-key-file={accounts}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=RBAC",
        )
        self._await("/readyz")
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--service-account-private-key-file={accounts}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={controllers}",
            "--use-service-account-credentials=true",
        )
        self._await("/api/v1/namespaces/default/serviceaccounts/default")

    def stop(self) -> None:
        """End all processes."""
        for process in reversed(self._processes.values()):
            process.kill()
            process.wait()
        self._processes.clear()

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Be without an API server for a while: connections are refused."""
        process = self._processes["kube-apiserver"]
        process.kill()
        process.wait()
        try:
            yield
        finally:
            tool, *arguments = process.args
            self._run(Path(tool).name, *arguments)
            self._await("/readyz")

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Have an API server that accepts connections for a while and does not answer."""
        process = self._processes["kube-apiserver"]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl and give its output; fails the test when it fails."""
        done = subprocess.run(
            [self._tools["kubectl"], f"--kubeconfig={self.kubeconfig}", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def get(self, kind: str, name: str, namespace: str = "default") -> dict[str, Any] | None:
        """Read an object; None where there is none."""
        found = self.kubectl(
            "get", kind, name, f"--namespace={namespace}", "--ignore-not-found", "--output=json"
        )
        return json.loads(found) if found else None

    def patch_status(self, kind: str, name: str, namespace: str, status: Mapping[str, Any]) -> None:
        """Set an object's status, as the controller would that this cluster does not have."""
        self.kubectl(
            "patch",
            kind,
            name,
            f"--namespace={namespace}",
            "--subresource=status",
            "--type=merge",
            f"--patch={json.dumps({'status': status})}",
        )

    def contents(self) -> str:
        """The kubeconfig's text."""
        return self.kubeconfig.read_text()

    def _run(self, tool: str, *arguments: str) -> None:
        with (self._folder / f"{tool}.log").open("ab") as log:
            self._processes[tool] = subprocess.Popen(
                [str(self._tools[tool]), *arguments], stdout=log, stderr=log, cwd=self._folder
            )

    def _await(self, path: str) -> None:
        end = time.monotonic() + _START_SECONDS
        command: Sequence[str | Path] = (
            self._tools["kubectl"],
            f"--kubeconfig={self.kubeconfig}",
            "get",
            f"--raw={path}",
        )
        while subprocess.run(command, capture_output=True, check=False).returncode != 0:
            dead = [tool for tool, process in self._processes.items() if process.poll() is not None]
            assert not dead, f"{dead[0]} ended: see its log in {self._folder}"
            assert time.monotonic() < end, f"{path} was not there in time: see the logs in {self._folder}"
            time.sleep(0.2)

    def _write(self, name: str, content: str) -> None:
        descriptor = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(content)


def _kubeconfig(name: str, server: str, token: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        # The API server makes its certificate itself, anew with each folder.
        "clusters": [{"name": name, "cluster": {"server": server, "insecure-skip-tls-verify": True}}],
        "users": [{"name": name, "user": {"token": token}}],
    }


def _new_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
