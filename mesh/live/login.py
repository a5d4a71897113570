"""Logs in with the command in a kubeconfig's user, as Pulumi's provider does.

The provider uses client-go (`plugin/pkg/client/auth/exec/exec.go`), and has no terminal. Here the command
fails before anything is done, and its own words say why; the provider would go on and fail half way.
"""

import base64
import json
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, cast

from mesh.mappings import as_map, at

_SECONDS = 60
_GROUP = "client.authentication.k8s.io"
_VERSIONS = (f"{_GROUP}/v1", f"{_GROUP}/v1beta1")
_LONGEST_LINE = 300
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_JSON_WEB_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+(\.[\w-]*)?")
_SEE = "docs/troubleshooting.md#a-login-command-fails"


class LoginError(Exception):
    """A login command gives no credentials; the message has its last line, and repeats no credentials."""


def logged_in(user: Mapping[str, Any], cluster: Mapping[str, Any]) -> Mapping[str, Any]:
    """A kubeconfig's user with the credentials of its command in the command's place.

    Args:
        user: of a kubeconfig; returned as it is where it has no command.
        cluster: of the same context; the command gets it where it sets `provideClusterInfo`.

    Raises:
        LoginError: the command does not exist, fails, waits for a person, or gives no credentials.
    """
    if (command := as_map(user.get("exec"))) is None:
        return user
    status = _status(command, cluster)
    rest = {key: value for key, value in user.items() if key != "exec"}
    if token := status.get("token"):
        return {**rest, "token": str(token)}
    certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
    if certificate and key:
        return {
            **rest,
            "client-certificate-data": base64.b64encode(str(certificate).encode()).decode(),
            "client-key-data": base64.b64encode(str(key).encode()).decode(),
        }
    raise LoginError(f"its login command {_name(command)} gave neither a token nor a certificate: {_SEE}")


def _status(command: Mapping[str, Any], cluster: Mapping[str, Any]) -> Mapping[str, Any]:
    name, version = _name(command), command.get("apiVersion")
    if version not in _VERSIONS:
        raise LoginError(
            f"its login command {name} has the apiVersion {version!r}, which Kubernetes does not have; "
            f"expected {' or '.join(_VERSIONS)}: write the kubeconfig again with your cloud's newer tool"
        )
    mode = command.get("interactiveMode") or ("IfAvailable" if version == _VERSIONS[1] else None)
    if mode not in ("Never", "IfAvailable"):
        raise LoginError(
            f"its login command {name} has the interactiveMode {mode}, and neither this program nor Pulumi's "
            "provider has a terminal for it; expected Never or IfAvailable"
        )
    done = _run(name, command, _environment(command, str(version), cluster))
    if done.returncode != 0:
        said = _last_line(done.stderr) or f"it ends with {done.returncode}, without a word"
        raise LoginError(f"its login command {name} fails: {said}; {_by_itself(command)}")
    try:
        answer = as_map(json.loads(done.stdout)) or {}
    except ValueError:
        answer = {}
    status = as_map(answer.get("status"))
    if status is None or answer.get("apiVersion") != version:
        raise LoginError(
            f"its login command {name} printed something else than credentials of {version}; "
            f"{_by_itself(command)}"
        )
    return status


def _run(
    name: str, command: Mapping[str, Any], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    words = [str(command.get("command")), *(str(word) for word in command.get("args") or ())]
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environment,
            start_new_session=True,  # so that what it has started can be ended, too
        )
    except FileNotFoundError as error:
        install = str(command.get("installHint") or "").strip().splitlines()
        raise LoginError(
            f"its login command {name} does not exist on this machine; expected it on the PATH"
            + (f". {install[0]}" if install else "")
            + f": {_SEE}"
        ) from error
    except OSError as error:
        raise LoginError(f"its login command {name} cannot be run: {error.strerror}: {_SEE}") from error
    try:
        stdout, stderr = process.communicate(timeout=_SECONDS)
    except subprocess.TimeoutExpired as error:
        os.killpg(process.pid, signal.SIGKILL)
        _, stderr = process.communicate()
        said = f" ({_last_line(stderr)})" if stderr.strip() else ""
        raise LoginError(
            f"its login command {name} gave nothing within {_SECONDS} s: it may wait for a person{said}; "
            f"{_by_itself(command)}"
        ) from error
    return subprocess.CompletedProcess(words, process.returncode, stdout, stderr)


def _environment(command: Mapping[str, Any], version: str, cluster: Mapping[str, Any]) -> dict[str, str]:
    spec: dict[str, Any] = {"interactive": False}
    if command.get("provideClusterInfo"):
        spec["cluster"] = _described(cluster)
    variables = cast(Sequence[Mapping[str, Any]], command.get("env") or ())
    return {
        **os.environ,
        **{str(variable["name"]): str(variable["value"]) for variable in variables},
        "KUBERNETES_EXEC_INFO": json.dumps({"kind": "ExecCredential", "apiVersion": version, "spec": spec}),
    }


def _described(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """The cluster as `Cluster` of the command's own API has it."""
    found = {key: cluster.get(key) for key in ("server", "tls-server-name", "insecure-skip-tls-verify")}
    found |= {key: cluster.get(key) for key in ("certificate-authority-data", "proxy-url")}
    extensions = cast(Sequence[Any], cluster.get("extensions") or ())
    config = next((at(e, "extension") for e in extensions if at(e, "name") == f"{_GROUP}/exec"), None)
    return {key: value for key, value in {**found, "config": config}.items() if value}


def _last_line(stderr: str) -> str:
    lines = [line for line in _CONTROL.sub("", stderr.replace("\r", "\n")).splitlines() if line.strip()]
    return _JSON_WEB_TOKEN.sub("…", lines[-1].strip())[:_LONGEST_LINE] if lines else ""


def _name(command: Mapping[str, Any]) -> str:
    return str(command.get("command"))


def _by_itself(command: Mapping[str, Any]) -> str:
    return f"run {_name(command)} by itself, log in again, then run the same command again: {_SEE}"
