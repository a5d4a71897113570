"""Which kubeconfigs istiod accepts: one rule, for what a user gives and for what is in a remote secret.

Each row has been checked with `NewUntrustedRestConfig` and `NewClient` of `pkg/kube` in istio/istio 1.31.
Where the rule is stricter than istiod, the row says why.
"""

import base64
import re
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from mesh.config.problems import ConfigurationError
from mesh.config.resolved import ApiServer
from mesh.kubeconfig.accepted import accepted, refusals
from mesh.kubeconfig.write import remote_kubeconfig
from mesh.live.kubernetes_api import KubernetesApi
from tests.builders.certificates import authority
from tests.builders.kubeconfigs import kubeconfig
from tests.builders.stacks import stack_config

SERVER = {"west": "https://west.example.com:6443"}
CA = base64.b64encode(authority("west").pem.encode()).decode()
CLIENT = authority("client")
CERTIFICATE, KEY = (base64.b64encode(pem.encode()).decode() for pem in (CLIENT.pem, CLIENT.key_pem))
OIDC = {"idp-issuer-url": "https://login.example.com", "client-id": "mesh", "id-token": "hunter2"}


def provider(name: str, **config: str) -> dict[str, Any]:
    """A user who logs in with an auth-provider."""
    return {"auth-provider": {"name": name, "config": config}}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A kubeconfig's user or cluster, and the words of its refusal; none where istiod accepts it."""

    key: str
    user: dict[str, Any] | None = None
    cluster: dict[str, Any] = field(default_factory=dict[str, Any])
    refused: str | None = None
    istiod_accepts: str | None = None
    """Why the rule refuses what istiod accepts."""

    @property
    def text(self) -> str:
        """The kubeconfig."""
        return kubeconfig(SERVER, current="west", user=self.user, cluster=self.cluster)


ROWS = (
    Row(key="token", user={"token": "hunter2"}),
    Row(key="tokenFile", user={"tokenFile": "/etc/hunter2"}, refused="has tokenFile: istiod does not have"),
    Row(
        key="token beside tokenFile",
        user={"token": "hunter2", "tokenFile": "/etc/hunter2"},
        refused="has tokenFile: istiod does not have",
    ),
    Row(
        key="client-certificate-data",
        user={"client-certificate-data": CERTIFICATE, "client-key-data": KEY},
        cluster={"certificate-authority-data": CA},
    ),
    Row(
        key="client-certificate-data alone",
        user={"client-certificate-data": CERTIFICATE},
        refused="has client-certificate-data without client-key-data",
    ),
    Row(
        key="client-certificate-data that is not base64",
        user={"client-certificate-data": "hunter2!", "client-key-data": KEY},
        refused="has client-certificate-data that is not base64",
    ),
    Row(
        key="client-certificate",
        user={"client-certificate": "/etc/hunter2", "client-key-data": KEY},
        refused="has client-certificate: istiod does not have the file",
    ),
    Row(
        key="client-key",
        user={"client-certificate-data": CERTIFICATE, "client-key": "/etc/hunter2"},
        refused="has client-key: istiod does not have the file",
    ),
    Row(key="username and password", user={"username": "peer", "password": "hunter2"}),
    Row(
        key="token and password",
        user={"token": "hunter2", "username": "peer", "password": "hunter2"},
        refused="has a token, and username or password",
    ),
    Row(key="as", user={"token": "hunter2", "as": "reader", "as-groups": ["readers"]}),
    Row(
        key="as-groups without as",
        user={"token": "hunter2", "as-groups": ["readers"]},
        refused="impersonates groups, a UID or extras without a user",
    ),
    Row(
        key="exec",
        user={
            "exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": "hunter2",
                "interactiveMode": "Never",
            }
        },
        refused="has exec: istiod does not run commands",
    ),
    Row(key="auth-provider oidc", user=provider("oidc", **OIDC)),
    Row(
        key="auth-provider oidc without an issuer",
        user=provider("oidc", **{"client-id": "mesh", "id-token": "hunter2"}),
        refused="has the auth-provider oidc without idp-issuer-url",
    ),
    Row(
        key="auth-provider oidc without an ID token",
        user=provider("oidc", **{**OIDC, "id-token": ""}),
        refused="has the auth-provider oidc without id-token",
        istiod_accepts="it would log in with a refresh token, which most issuers accept only once",
    ),
    Row(
        key="auth-provider oidc with a CA file",
        user=provider("oidc", **OIDC, **{"idp-certificate-authority": "/etc/hunter2"}),
        refused="has idp-certificate-authority, a file",
    ),
    Row(key="auth-provider gcp", user=provider("gcp"), refused="has the auth-provider 'gcp'"),
    Row(key="auth-provider azure", user=provider("azure"), refused="has the auth-provider 'azure'"),
    Row(
        key="extensions of a user",
        user={"token": "hunter2", "extensions": [{"name": "x", "extension": {"a": "b"}}]},
    ),
    Row(key="a key that nobody knows", user={"token": "hunter2", "novelty": "x"}),
    Row(
        key="no credentials",
        user={},
        refused="has no credentials",
        istiod_accepts="it would ask as system:anonymous, who may read nothing",
    ),
    Row(key="certificate-authority-data", cluster={"certificate-authority-data": CA}),
    Row(
        key="certificate-authority-data that is not base64",
        cluster={"certificate-authority-data": "hunter2!"},
        refused="has certificate-authority-data that is not base64",
    ),
    Row(
        key="certificate-authority-data that is not PEM",
        cluster={"certificate-authority-data": base64.b64encode(b"hunter2").decode()},
        refused="has certificate-authority-data that is not PEM",
    ),
    Row(
        key="certificate-authority",
        cluster={"certificate-authority": "/etc/hunter2"},
        refused="has certificate-authority, a file",
    ),
    Row(key="insecure-skip-tls-verify", cluster={"insecure-skip-tls-verify": True}),
    Row(
        key="insecure-skip-tls-verify beside a CA",
        cluster={"insecure-skip-tls-verify": True, "certificate-authority-data": CA},
        refused="certificate-authority-data and insecure-skip-tls-verify",
    ),
    Row(key="server in capitals", cluster={"server": "HTTPS://west.example.com:6443"}),
    Row(key="tls-server-name", cluster={"tls-server-name": "kubernetes.default.svc"}),
    Row(key="proxy-url", cluster={"proxy-url": "http://proxy.example.com:3128"}),
    Row(
        key="proxy-url of another kind",
        cluster={"proxy-url": "ftp://proxy.example.com"},
        refused="has a proxy-url that does not begin with",
    ),
    Row(key="disable-compression", cluster={"disable-compression": True}),
    Row(
        key="extensions of a cluster", cluster={"extensions": [{"name": "x", "extension": {"provider": "x"}}]}
    ),
    Row(key="no server", cluster={"server": ""}, refused="has no server"),
    Row(
        key="server without TLS",
        cluster={"server": "http://west.example.com:6443"},
        refused="has a server without https://",
        istiod_accepts="client-go sends no credentials to it",
    ),
)
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)


def changed(**keys: Any) -> str:
    """A kubeconfig that is accepted, with other top-level keys."""
    return yaml.safe_dump({**yaml.safe_load(ROWS[0].text), **keys})


IN_WEST = {"cluster": "west", "user": "west"}
WHOLE = (
    ("", "expected a kubeconfig: a map"),
    ("[]", "expected a kubeconfig: a map"),
    ("{", "is not valid YAML"),
    ("users: 1", "a list of users"),
    (changed(**{"current-context": ""}), "has no current-context"),
    (changed(**{"current-context": "north"}), "has no context 'north'"),
    (changed(contexts=[{"name": "west", "context": {"cluster": "west"}}]), "context 'west' has no user"),
    (
        changed(contexts=[{"name": "west", "context": {"cluster": "north", "user": "west"}}]),
        "has the cluster 'north', which is not one of its clusters",
    ),
    (
        changed(
            contexts=[{"name": "west", "context": {"cluster": "west", "user": "west", "namespace": "_"}}]
        ),
        "has a namespace that is not a DNS label",
    ),
    (changed(users=[{"name": "west", "user": {"token": "t"}}] * 2), "its users have 'west' twice"),
)


@each_row
def test_every_key_is_accepted_or_refused_as_by_istiod(row: Row) -> None:
    """One reason for one key."""
    reasons = list(refusals(row.text))
    if row.refused is None:
        assert reasons == [], f"istiod accepts {row.key}"
    else:
        assert len(reasons) == 1, reasons
        assert row.refused in reasons[0], f"another reason than that for {row.key}"


@each_row
def test_a_reason_never_repeats_a_credential(row: Row) -> None:
    """Nor a path: names and keys are enough to find it."""
    for reason in refusals(row.text):
        assert "hunter2" not in reason, "a value of the kubeconfig is in the message"


@each_row
def test_both_callers_agree(row: Row) -> None:
    """What is refused in the stack file is refused in a remote secret, and nothing else."""
    expected = re.escape(row.refused) if row.refused else None
    with pytest.raises(ConfigurationError, match=expected) if expected else nullcontext():
        stack_config({"west": {"reader": {"kubeconfig": row.text}}}, secret={"clusters"})
    with pytest.raises(ValueError, match=expected) if expected else nullcontext():
        KubernetesApi.from_kubeconfig(row.text)


@pytest.mark.parametrize(("text", "words"), WHOLE)
def test_what_is_not_a_kubeconfig_is_refused_by_both_callers(text: str, words: str) -> None:
    """With the same words."""
    assert words in "; ".join(refusals(text)), "refused for another reason"
    with pytest.raises(ValueError, match=r".") as refused:
        KubernetesApi.from_kubeconfig(text)
    assert words in str(refused.value), "a remote secret is refused in other words"


def test_every_user_counts_and_not_only_that_of_the_current_context() -> None:
    """Istiod refuses the whole kubeconfig for one of them."""
    document = yaml.safe_load(kubeconfig({**SERVER, "north": "https://north.example.com"}, current="west"))
    document["users"][1]["user"] = {"exec": {"command": "login"}}
    (reason,) = refusals(yaml.safe_dump(document))
    assert reason.startswith("its user 'north' has exec"), reason


def test_all_reasons_are_given_in_one_go() -> None:
    """One hides no other."""
    text = kubeconfig(SERVER, user={"tokenFile": "/t"}, cluster={"certificate-authority": "/ca"})
    assert len(list(refusals(text))) == 3, "expected current-context, certificate-authority and tokenFile"


def test_of_an_accepted_kubeconfig_only_what_istiod_uses_is_left() -> None:
    """A key that a later client knows how to follow does not reach it."""
    row = Row(key="", user={"token": "t", "novelty": "x"}, cluster={"novelty": "x"})
    document = accepted(row.text)
    assert document["users"] == [{"name": "remote", "user": {"token": "t"}}]
    assert document["clusters"] == [{"name": "remote", "cluster": {"server": SERVER["west"]}}]


def test_a_login_with_oidc_is_not_made_for_whoever_wrote_the_secret() -> None:
    """The ID token is used as it is: a refresh would send secrets to an address in the kubeconfig."""
    document = accepted(Row(key="", user=provider("oidc", **OIDC)).text)
    assert document["users"] == [{"name": "remote", "user": {"token": "hunter2"}}]


def test_what_the_program_writes_is_accepted() -> None:
    """With the address and the token that it was made with."""
    api_server = ApiServer(server=SERVER["west"], tls_server_name="west", proxy_url="http://proxy:3128")
    text = remote_kubeconfig("west", api_server, token="opaque", certificate_authority=CLIENT.pem)
    assert accepted(text)["users"][0]["user"] == {"token": "opaque"}
    assert KubernetesApi.from_kubeconfig(text).server == SERVER["west"]
