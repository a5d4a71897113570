"""Kubeconfigs and client certificates for peers: where they come from, what is refused, what is told."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from mesh.config.problems import ConfigurationError
from mesh.config.resolved import StackConfig
from mesh.kubeconfig.accepted import accepted
from mesh.load import load
from mesh.rules.expiry import warnings
from tests.builders.certificates import Authority, authority
from tests.builders.kubeconfigs import kubeconfig

_SERVERS = {name: f"https://{name}.example.com:6443" for name in ("east", "west")}
_RELAY = kubeconfig({"relay": "https://relay.example.com"}, current="relay")
_FILES = {"~/.kube/config": kubeconfig(_SERVERS), "relay.yaml": _RELAY}


def _read(path: str) -> str:
    if path not in _FILES:
        raise FileNotFoundError(2, "No such file or directory", path)
    return _FILES[path]


def _load(
    west: Mapping[str, Any],
    east: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> StackConfig:
    clusters = {"east": {"context": "east", **(east or {})}, "west": {"context": "west", **west}}
    credentials = any(word in str(clusters) for word in ("PRIVATE KEY", "apiVersion", "hunter2"))
    return load(
        {"mesh": {"id": "dev"}, "clusters": clusters},
        read=_read,
        secret={"clusters"} if credentials else set(),
        environment=environment or {},
    ).valid()


def _problems(*args: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as wrong:
        _load(*args)
    return [str(problem) for problem in wrong.value.problems]


def _given(**kubeconfig: Any) -> dict[str, Any]:
    return {"reader": {"kubeconfig": kubeconfig}}


def _warnings(config: StackConfig) -> list[str]:
    return [str(warning) for warning in warnings(config, datetime.now(UTC))]


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _user(certificate: Authority, **other: str) -> dict[str, str]:
    return {
        "client-certificate-data": _encoded(certificate.pem),
        "client-key-data": _encoded(certificate.key_pem),
        **other,
    }


def _with(user: Mapping[str, str]) -> dict[str, Any]:
    text = kubeconfig({"relay": "https://relay.example.com"}, current="relay", user=user)
    return {"reader": {"kubeconfig": text}}


def _token(**claims: int) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJh.{body}.c2ln"


def test_a_kubeconfig_is_read_where_the_stack_file_says() -> None:
    """So that the rules see it; what only the engine or a cluster has, they do not."""
    assert _load({"reader": {"kubeconfig": _RELAY}}).clusters["west"].kubeconfig is not None
    for given, environment in (({"file": "relay.yaml"}, {}), ({"environment": "RELAY"}, {"RELAY": _RELAY})):
        found = _load(_given(**given), None, environment).clusters["west"].kubeconfig
        assert found is not None
        assert found.text == _RELAY
        assert _RELAY not in repr(found)
    for given in ({"stack": "o/p/s", "output": "k"}, {"secret": "tbot"}):
        found = _load(_given(**given)).clusters["west"].kubeconfig
        assert found is not None
        assert found.text is None


def test_of_a_kubeconfig_with_a_context_only_that_context_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its context, istiod would have to accept what the others have, and peers would be given it."""
    servers = {"relay": "https://relay.example.com", "other": "http://other.example.com"}
    many = kubeconfig(servers, current="other")
    monkeypatch.setitem(_FILES, "many.yaml", many)
    assert "a server without https" in _problems(_given(file="many.yaml"))[0]
    given = (
        ({"file": "many.yaml"}, {}),
        ({"environment": "RELAY"}, {"RELAY": many}),
        ({"contents": many}, {}),
    )
    for place, environment in given:
        found = _load(_given(**place, context="relay"), None, environment).clusters["west"].kubeconfig
        assert found is not None
        assert found.text is not None
        assert accepted(found.text)["clusters"][0]["cluster"]["server"] == "https://relay.example.com"
        assert "other" not in found.text


def test_what_is_not_there_is_refused_before_anything_is_changed() -> None:
    """With its name, and nothing of what else is there."""
    (line,) = _problems(_given(file="gone.yaml"))
    assert line == (
        "clusters.west.reader.kubeconfig: cannot read gone.yaml: No such file or directory; expected a file "
        "with the kubeconfig for peers"
    )
    (line,) = _problems(_given(environment="RELAY"), None, {"OTHER": "hunter2"})
    assert line.startswith(
        "clusters.west.reader.kubeconfig: the environment variable RELAY is not set; expected it with a"
    )
    assert "hunter2" not in line


def test_a_kubeconfig_from_elsewhere_is_held_against_the_same_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of its credentials is repeated."""
    monkeypatch.setitem(
        _FILES, "relay.yaml", _RELAY.replace("https://relay.example.com", "https://127.0.0.1")
    )
    (line,) = _problems(_given(file="relay.yaml"))
    assert "its server https://127.0.0.1 leads each peer to itself" in line
    monkeypatch.setitem(_FILES, "relay.yaml", kubeconfig(_SERVERS, current="east", user={"tokenFile": "t"}))
    assert any("istiod does not have the file" in line for line in _problems(_given(file="relay.yaml")))


def test_credentials_that_have_ended_are_refused() -> None:
    """A certificate, alone or beside a token, and a token that says when it ends."""
    old = authority("jane", ca=False, days=(-10, -1))
    for user in (_user(old), _user(old, token="t")):
        (line,) = _problems(_with(user))
        assert line.startswith(
            "clusters.west.reader.kubeconfig: its client certificate 'jane' has expired at "
        )
    (line,) = _problems(_with({"token": _token(exp=1_700_000_000)}))
    assert line.startswith("clusters.west.reader.kubeconfig: its token has expired at 2023-11-14 22:13 UTC")
    soon = authority("jane", ca=False, days=(1, 9))
    (line,) = _problems(_with(_user(soon)))
    assert "its client certificate 'jane' is not valid before" in line


def test_the_end_of_credentials_is_told_as_long_as_they_are_valid() -> None:
    """Of a person's certificate always; of one beside a token in its last month."""
    later, soon = authority("jane", ca=False), authority("jane", ca=False, days=(-1, 20))
    (line,) = _warnings(_load(_with(_user(later))))
    assert "peers read west as 'jane' by a client certificate, as a person does" in line
    assert f"ends at {later.certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC" in line
    assert _warnings(_load(_with(_user(later, token="t")))) == []
    (line,) = _warnings(_load(_with(_user(soon, token="t"))))
    assert "its client certificate 'jane' ends at" in line
    (line,) = _warnings(_load(_with({"token": _token(exp=4_000_000_000)})))
    assert "its token ends at 2096-10-02 07:06 UTC" in line
    assert _warnings(_load({"reader": {"kubeconfig": _RELAY}})) == []


def test_the_end_of_a_client_certificate_for_a_relay_is_told_in_its_last_month() -> None:
    """By the setting that has it, also where it is for one reader."""
    later, soon = authority("peer", ca=False), authority("peer", ca=False, days=(-1, 20))

    def pair(certificate: Authority) -> dict[str, str]:
        return {"clientCertificate": certificate.pem, "clientKey": certificate.key_pem}

    assert _warnings(_load({"apiServer": pair(later)})) == []
    (line,) = _warnings(_load({"apiServer": pair(soon)}))
    assert line.startswith("clusters.west.apiServer.clientCertificate: 'peer' ends at ")
    (line,) = _warnings(_load({"apiServer": {**pair(later), "from": {"east": pair(soon)}}}))
    assert line.startswith("clusters.west.apiServer.from.east.clientCertificate: 'peer' ends at ")


def test_a_client_certificate_fits_its_key_and_is_valid() -> None:
    """What istiod would be refused with is refused here, and no key is repeated."""
    peer, other = authority("peer", ca=False), authority("other", ca=False)
    old = authority("peer", ca=False, days=(-9, -1))
    for certificate, key, message in (
        (peer.pem, None, "clientKey: is not set, and clientCertificate is; expected both, or none"),
        (None, peer.key_pem, "clientCertificate: is not set, and clientKey is; expected both, or none"),
        (peer.pem, other.key_pem, "clientKey: this key belongs to another certificate than 'peer'"),
        (peer.pem, peer.encrypted_key_pem, "clientKey: this key is encrypted with a passphrase"),
        (peer.pem, "hunter2", "clientKey: this is not a private key that can be read"),
        (old.pem, old.key_pem, "clientCertificate: 'peer' has expired at"),
        (
            "-----BEGIN CERTIFICATE-----\nhunter2",
            peer.key_pem,
            "clientCertificate: expected PEM certificates, each complete",
        ),
    ):
        pair = {"clientCertificate": certificate, "clientKey": key}
        (line,) = _problems({"apiServer": {k: v for k, v in pair.items() if v}})
        assert line.startswith(f"clusters.west.apiServer.{message}")
        assert "hunter2" not in line
        assert "PRIVATE KEY" not in line
    (line,) = _problems({"apiServer": {"from": {"east": {"clientCertificate": peer.pem}}}})
    assert line.startswith("clusters.west.apiServer.from.east.clientKey: is not set")


def test_a_way_in_is_of_another_cluster_that_uses_it() -> None:
    """Else nobody would miss it until a name has changed."""
    server = {"server": "https://10.0.0.10:6443"}
    for reader in ("west", "nrth"):
        (line,) = _problems({"apiServer": {"from": {reader: server}}})
        assert line == (
            f"clusters.west.apiServer.from.{reader}: {reader!r} is no other cluster of the mesh; expected "
            "one of those that read west: east"
        )
    (line,) = _problems({"apiServer": {"from": {"east": server}}, **_given(file="relay.yaml")})
    assert line.startswith(
        "clusters.west.apiServer.from.east: is not used, because clusters.west.reader.kubeconfig is what"
    )
    (line,) = _problems({"apiServer": {"from": {"east": {"server": "https://127.0.0.1:6443"}}}})
    assert line.startswith("clusters.west.apiServer.from.east.server: https://127.0.0.1:6443 leads each peer")


def test_a_secret_of_somebody_elses_needs_an_istiod_that_reads_folders() -> None:
    """That of the readers; the version of the cluster that is read does not count."""
    (line,) = _problems(_given(secret="tbot"), {"istio": {"version": "1.29.6"}})
    assert line.startswith(
        "clusters.west.reader.kubeconfig: is a Secret, which istiod reads from a folder in"
    )
    assert "east has 1.29.6" in line
    assert _load({**_given(secret="tbot"), "istio": {"version": "1.29.6"}})


def test_a_secret_of_somebody_elses_is_for_one_stack() -> None:
    """The others would not know that there is one."""
    clusters = {"west": {"context": "west", **_given(secret="tbot")}}
    peers = {"east": {"stack": "o/p/east"}}
    with pytest.raises(ConfigurationError, match="those of other stacks would not know"):
        load({"mesh": {"id": "dev"}, "clusters": clusters, "peers": peers}, read=_read).valid()
