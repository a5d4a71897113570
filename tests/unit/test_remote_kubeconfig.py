"""The kubeconfig of a remote secret is used only if it can do nothing but log in by itself."""

import pytest
import yaml

from mesh.kubeconfig.harmless import harmless
from mesh.kubeconfig.write import remote_kubeconfig
from mesh.live.kubernetes_api import KubernetesApi
from tests.unit.builders import stack_config


def _kubeconfig(user: dict[str, object], cluster: dict[str, object] | None = None) -> str:
    server = {"server": "https://192.0.2.1:6443", **(cluster or {})}
    return yaml.safe_dump(
        {
            "clusters": [{"name": "west", "cluster": server}],
            "users": [{"name": "west", "user": user}],
            "contexts": [{"name": "west", "context": {"cluster": "west", "user": "west"}}],
            "current-context": "west",
        }
    )


def test_what_the_program_writes_is_used() -> None:
    """With the address and the token that it was made with."""
    api_server = stack_config({"west": {}}).clusters["west"].api_server
    text = remote_kubeconfig("west", api_server, token="opaque", certificate_authority="")
    assert harmless(text)["users"][0]["user"] == {"token": "opaque"}


@pytest.mark.parametrize(
    ("user", "named"),
    [
        ({"exec": {"command": "sh"}}, "exec"),
        ({"tokenFile": "/etc/shadow"}, "tokenFile"),
        ({"token": "opaque", "client-key": "/etc/shadow"}, "client-key"),
        ({"auth-provider": {"name": "gcp"}}, "auth-provider"),
    ],
)
def test_a_login_by_command_or_file_is_refused(user: dict[str, object], named: str) -> None:
    """Nothing of it is run or read, and nothing but the key's name is repeated."""
    with pytest.raises(ValueError, match=named) as refused:
        KubernetesApi.from_kubeconfig(_kubeconfig(user))
    assert "opaque" not in str(refused.value)
    assert "shadow" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "users: []", _kubeconfig({}, {"certificate-authority": "/etc/shadow"})],
)
def test_what_is_no_such_kubeconfig_is_refused_with_one_message(text: str) -> None:
    """Whatever stands in the Secret."""
    with pytest.raises(ValueError, match=r"^it"):
        KubernetesApi.from_kubeconfig(text)
