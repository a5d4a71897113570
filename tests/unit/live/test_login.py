"""Logging in with a kubeconfig's command: real commands, and what is said where they fail."""

import base64
import json
from typing import Any

import pytest

from mesh.config.resolved import Connection
from mesh.live import login
from mesh.live.answers import RefusedError
from mesh.live.kubernetes_api import KubernetesApi
from mesh.live.login import LoginError, logged_in
from tests.builders.kubeconfigs import kubeconfig
from tests.builders.servers import Server

_V1 = "client.authentication.k8s.io/v1"
_V1BETA1 = "client.authentication.k8s.io/v1beta1"
_CREDENTIAL: dict[str, Any] = {"apiVersion": _V1, "kind": "ExecCredential", "status": {"token": "t"}}


def _shell(script: str, **changes: Any) -> dict[str, Any]:
    """A user whose login command is a script."""
    command = {"apiVersion": _V1, "interactiveMode": "Never", "command": "sh", "args": ["-c", script]}
    return {"exec": {**command, **changes}}


def _refusal(user: dict[str, Any]) -> str:
    with pytest.raises(LoginError) as refused:
        logged_in(user, {})
    return str(refused.value)


def _printing(answer: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return _shell(f"echo '{json.dumps(answer)}'", **changes)


def test_a_user_without_a_command_stays() -> None:
    """Whatever it has."""
    assert logged_in({"token": "t"}, {}) == {"token": "t"}


def test_a_token_takes_the_commands_place(server: Server) -> None:
    """And it is what the API server gets."""
    user = _printing(_CREDENTIAL)
    assert logged_in(user, {}) == {"token": "t"}
    server.answers["/version"] = (200, b"{}")
    text = kubeconfig({"east": server.url}, user=user)
    KubernetesApi.connect(Connection(context="east", path="unused", contents=text)).get("/version")
    assert server.asked[0]["authorization"] == "Bearer t"


def test_a_client_certificate_takes_the_commands_place() -> None:
    """As data: a command prints PEM, a kubeconfig has base64 of it."""
    status = {"clientCertificateData": "certificate", "clientKeyData": "key"}
    found = logged_in(_printing({**_CREDENTIAL, "status": status}), {})
    assert {key: base64.b64decode(value).decode() for key, value in found.items()} == {
        "client-certificate-data": "certificate",
        "client-key-data": "key",
    }


def test_a_command_knows_what_client_go_tells_it() -> None:
    """Its variables, that nobody can answer questions, and the cluster where it asks for that."""
    script = (
        """printf '{"apiVersion": "%s", "status": {"token": "%s"}}' """
        f"""{_V1BETA1} "$(printf '%s' "$PROFILE $KUBERNETES_EXEC_INFO" | base64 -w0)" """
    )
    user = _shell(
        script,
        apiVersion=_V1BETA1,
        interactiveMode=None,
        provideClusterInfo=True,
        env=[{"name": "PROFILE", "value": "prod"}],
    )
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "a"}}
    cluster = {"server": "https://east.example.com", "certificate-authority": "x", "extensions": [extension]}
    profile, _, told = base64.b64decode(logged_in(user, cluster)["token"]).decode().partition(" ")
    assert profile == "prod"
    assert json.loads(told) == {
        "kind": "ExecCredential",
        "apiVersion": _V1BETA1,
        "spec": {
            "interactive": False,
            "cluster": {"server": "https://east.example.com", "config": {"audience": "a"}},
        },
    }


@pytest.mark.parametrize(
    ("user", "said"),
    [
        (
            _shell("echo first >&2; echo 'Token has expired: log in' >&2; exit 1"),
            "sh fails: Token has expired: log in;",
        ),
        (_shell("printf '\\033[31mERROR: denied\\033[0m\\n\\n' >&2; exit 255"), "sh fails: ERROR: denied;"),
        (_shell("printf 'wait\\rsession over' >&2; exit 2"), "sh fails: session over;"),
        (_shell("exit 7"), "sh fails: it ends with 7, without a word;"),
        (_shell("kill -9 $$"), "sh fails: it ends with -9, without a word;"),
        (_shell("echo 'bad eyJhbGciOi.eyJzdWIi.c2ln here' >&2; exit 1"), "sh fails: bad … here;"),
        (_shell("echo hello"), "sh printed something else than credentials of"),
        (_shell("true"), "sh printed something else than credentials of"),
        (_printing({**_CREDENTIAL, "apiVersion": _V1BETA1}), f"something else than credentials of {_V1};"),
        (_printing({**_CREDENTIAL, "status": {}}), "sh gave neither a token nor a certificate"),
        (
            _shell("", command="cloud-auth-plugin", installHint="Install it:\nand so on"),
            "cloud-auth-plugin does not exist on this machine; expected it on the PATH. Install it:: docs/",
        ),
        (_shell("", command="/etc/passwd"), "/etc/passwd cannot be run: Permission denied"),
        (_shell("", command=None), "its login command None"),
        (
            _shell("", apiVersion="client.authentication.k8s.io/v1alpha1"),
            "has the apiVersion 'client.authentication.k8s.io/v1alpha1', which Kubernetes does not have",
        ),
        (_shell("", interactiveMode="Always"), "has the interactiveMode Always"),
        (_shell("", interactiveMode=None), "has the interactiveMode None"),
    ],
)
def test_a_command_that_gives_no_credentials_is_said_in_its_own_words(
    user: dict[str, Any], said: str
) -> None:
    """By its last line on stderr; nothing that it printed on stdout, and no token, is repeated."""
    refusal = _refusal(user)
    assert said in refusal
    assert (
        refusal.endswith("docs/troubleshooting.md#a-login-command-fails")
        or "apiVersion" in said
        or "Mode" in said
    )
    assert "hello" not in refusal


def test_a_command_that_waits_for_a_person_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all that it has started, and with what it has asked for."""
    monkeypatch.setattr(login, "_SECONDS", 0.3)
    refusal = _refusal(_shell("echo 'open a browser' >&2; sleep 60 & wait"))
    assert "gave nothing within 0.3 s: it may wait for a person (open a browser)" in refusal


def test_a_failed_login_is_not_a_cluster_that_is_away(capfd: pytest.CaptureFixture[str]) -> None:
    """Without credentials the API server would speak of the rights of somebody anonymous."""
    text = kubeconfig({"east": "https://127.0.0.1:1"}, user=_shell("echo secret-word; exit 1"))
    with pytest.raises(
        RefusedError, match="context east cannot be used: its login command sh fails"
    ) as refused:
        KubernetesApi.connect(Connection(context="east", path="unused", contents=text))
    assert "secret-word" not in f"{refused.value}{capfd.readouterr()}"
