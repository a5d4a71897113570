"""How the stand-in reads kubeconfigs, and that it leaves no credentials behind."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.plugins.kubernetes import kubeconfig
from sandbox.plugins.kubernetes.kubeconfig import KubeconfigError

_SECRET = base64.b64encode(b"the private key").decode()


def _config(**user: Any) -> dict[str, Any]:
    return {
        "current-context": "one",
        "contexts": [
            {"name": "one", "context": {"cluster": "first", "user": "me", "namespace": "mine"}},
            {"name": "two", "context": {"cluster": "second", "user": "me"}},
        ],
        "clusters": [
            {"name": "first", "cluster": {"server": "https://first"}},
            {"name": "second", "cluster": {"server": "https://second"}},
        ],
        "users": [{"name": "me", "user": user or {"token": "t"}}],
    }


def test_contents_and_paths_are_read_alike(tmp_path: Path) -> None:
    """As YAML or JSON."""
    (tmp_path / "config").write_text(yaml.safe_dump(_config()))
    assert kubeconfig.load(str(tmp_path / "config")) == _config()
    assert kubeconfig.load(json.dumps(_config())) == _config()


def test_files_beside_a_kubeconfig_are_found_from_anywhere(tmp_path: Path) -> None:
    """Paths in it are relative to it."""
    (tmp_path / "config").write_text(yaml.safe_dump(_config(**{"client-key": "keys/my.key"})))
    user = kubeconfig.load(str(tmp_path / "config"))["users"][0]["user"]
    assert user == {"client-key": str(tmp_path / "keys" / "my.key")}


def test_overrides_choose_context_cluster_and_namespace() -> None:
    """Without them it is the current context, and the namespace `default`."""
    access = kubeconfig.access(_config())
    assert (access.server, access.namespace) == ("https://first", "mine")
    other = kubeconfig.access(_config(), context="two")
    assert (other.server, other.namespace) == ("https://second", "default")
    mixed = kubeconfig.access(_config(), cluster="second", namespace="theirs")
    assert (mixed.server, mixed.namespace) == ("https://second", "theirs")


@pytest.mark.parametrize(
    ("config", "settings", "message"),
    [
        (_config(), {"context": "three"}, 'no context "three"; it has: one, two'),
        (_config(), {"cluster": "third"}, 'no cluster "third"; it has: first, second'),
        ({**_config(), "current-context": ""}, {}, "no current context"),
        ({**_config(), "users": []}, {}, 'no user "me"; it has: none'),
    ],
)
def test_what_is_missing_is_named_with_what_there_is(
    config: dict[str, Any], settings: dict[str, str], message: str
) -> None:
    """So that a misspelt name is seen at once."""
    with pytest.raises(KubeconfigError, match=message):
        kubeconfig.access(config, **settings)


@pytest.mark.parametrize("text", ["token: [confidential", "confidential", '"confidential"'])
def test_an_error_does_not_quote_the_kubeconfig(text: str) -> None:
    """It may be the contents that are broken, and they hold credentials."""
    with pytest.raises(KubeconfigError) as raised:
        kubeconfig.load(text)
    assert "confidential" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_inline_keys_are_given_to_the_client_without_a_file_on_disk() -> None:
    """As memory files, which nobody else can open by a name."""
    config = kubeconfig.access(_config(**{"client-key-data": _SECRET})).as_kubeconfig()
    (user,) = kubeconfig.with_memory_files(config)["users"]
    assert set(user["user"]) == {"client-key"}
    assert user["user"]["client-key"].startswith("/proc/self/fd/")
    assert Path(user["user"]["client-key"]).read_bytes() == b"the private key"
    assert config["users"][0]["user"] == {"client-key-data": _SECRET}


def test_credentials_do_not_show_when_an_access_is_printed() -> None:
    """Error texts and logs print values."""
    assert "the-token" not in repr(kubeconfig.access(_config(token="the-token")))
