"""A mesh in which the API server of one cluster is behind a relay: it works, and what breaks it is named.

In the mesh `reach` that is west, and east sees it. The relay wants client certificates, and has a CA and a
name of its own.
"""

import base64
import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from sandbox import cluster
from sandbox.cluster import Cluster
from tests.e2e.faults import SYSTEM, verify
from tests.e2e.kube import Kube
from tests.e2e.reach import configure_relay
from tests.e2e.stack import Stack

pytestmark = pytest.mark.reach

_LIFETIME = timedelta(days=365)
_SECRET = "istio-remote-secret-west"


@pytest.fixture(scope="module")
def relay(reach: Stack) -> Cluster:
    """The cluster behind the relay."""
    return cluster.find()["west"]


@pytest.fixture
def configured(reach: Stack) -> Iterator[dict[str, Any]]:
    """Give the mesh's configuration, to be changed; it is put back."""
    before = reach.config()
    yield copy.deepcopy(before)
    reach.configure(before)


def _findings(stack: Stack) -> dict[str, dict[str, Any]]:
    """What `check` finds of the way from east to west, by reason."""
    done = stack.command("check", "--output", "json")
    results = json.loads(done.stdout)["results"]
    found = [r["finding"] for r in results if r["finding"] and {r["cluster"], r["peer"]} == {"east", "west"}]
    return {finding["reason"]: finding for finding in found}


def test_a_mesh_with_a_relay_is_in_order(reach: Stack, relay: Cluster, kube: Callable[[str], Kube]) -> None:
    """Every call is answered, and east has no other way to the API server."""
    verdict = verify(reach)
    assert verdict.code == 0, verdict
    assert _findings(reach) == {}
    secret = kube("east").get("secret", _SECRET, f"--namespace={SYSTEM}")
    assert relay.layout.relay_server in _decoded(secret["data"]["west"])


def test_a_certificate_of_the_relays_that_has_expired_is_named(reach: Stack, relay: Cluster) -> None:
    """Nothing is to be set: the relay has to renew it."""
    relay.issue_for_relay("server", timedelta(minutes=-1))
    try:
        finding = _findings(reach)["peer-api-server-refuses"]
        assert "has expired" in finding["message"]
        assert finding["hint"].startswith("give what answers there a certificate that is valid")
        done = reach.up(check=False)
        assert done.returncode != 0
        assert "no peer would get in: the certificate of" in done.stdout + done.stderr
    finally:
        relay.issue_for_relay("server", _LIFETIME)


def test_a_wrong_name_of_the_relay_is_refused(
    reach: Stack, relay: Cluster, configured: dict[str, Any]
) -> None:
    """With the names that its certificate has."""
    configured["clusters"]["west"]["apiServer"]["tlsServerName"] = "another.example.com"
    reach.configure(configured)
    done = reach.up(check=False)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "istio-mesh:clusters.west.apiServer.tlsServerName: no peer would get in" in said
    assert f"expected a name that its certificate has: {relay.layout.relay_name}" in said


def test_a_wrong_name_in_the_cluster_is_named(
    reach: Stack, relay: Cluster, kube: Callable[[str], Kube]
) -> None:
    """Somebody has changed the remote secret; an update puts it back."""
    _change_kubeconfig(kube("east"), lambda text: text.replace(relay.layout.relay_name, "x.example.com"))
    finding = _findings(reach)["peer-api-server-refuses"]
    assert "is for other names" in finding["message"]
    assert "set clusters.west.apiServer.tlsServerName to" in finding["hint"]
    reach.up("--refresh")
    assert _findings(reach) == {}


def test_a_client_certificate_that_has_expired_is_named(
    reach: Stack, relay: Cluster, kube: Callable[[str], Kube]
) -> None:
    """In the cluster by `check`; in the stack file it is refused before anything is changed."""
    before = reach.config()
    relay.issue_for_relay("client", timedelta(minutes=-1))
    try:
        configure_relay(reach, relay)
        done = reach.up(check=False)
        assert done.returncode != 0
        assert "clusters.west.apiServer.clientCertificate: 'peer' has expired at" in done.stdout + done.stderr
        reach.configure(before)
        folder = relay.layout.relay
        expired = {
            "client-certificate-data": (folder / "client.crt").read_bytes(),
            "client-key-data": (folder / "client.key").read_bytes(),
        }
        _change_kubeconfig(kube("east"), lambda text: _with_user(text, expired))
        finding = _findings(reach)["client-certificate-invalid"]
        assert "has expired at" in finding["message"]
        assert "clusters.west.apiServer.clientCertificate" in finding["hint"]
    finally:
        relay.issue_for_relay("client", _LIFETIME)
        configure_relay(reach, relay)
        reach.up("--refresh")
    assert _findings(reach) == {}


def test_a_client_certificate_that_ends_soon_is_told(reach: Stack, relay: Cluster) -> None:
    """In the preview, by `validate`, by `check` and by `trust`; all goes on."""
    relay.issue_for_relay("client", timedelta(days=20))
    try:
        configure_relay(reach, relay)
        done = reach.up()
        told = "clusters.west.apiServer.clientCertificate: 'peer' ends at"
        assert told in done.stdout + done.stderr
        setting, _, message = told.partition(": ")
        said = reach.command("validate").stdout
        assert setting in said
        assert message in said
        assert _findings(reach)["certificate-expires"]["severity"] == "warning"
        trust = reach.command("trust", "--fail-within", "30")
        assert trust.returncode == 1
        end = (datetime.now(UTC) + timedelta(days=20)).strftime("%Y-%m-%d")
        assert "client certificate by which east reads west (peer): 19 days left" in trust.stdout
        assert end in trust.stdout
    finally:
        relay.issue_for_relay("client", _LIFETIME)
        configure_relay(reach, relay)
        reach.up()


def test_no_client_key_is_anywhere_in_plain_text(reach: Stack, relay: Cluster) -> None:
    """Not in the state, the stack file, or what Pulumi shows."""
    key = (relay.layout.relay / "client.key").read_text(encoding="utf-8").splitlines()[1]
    shown = reach.pulumi("preview", "--diff")
    state = "".join(
        path.read_text(encoding="utf-8", errors="replace")
        for path in (reach.folder / "pulumi").rglob("*")
        if path.is_file()
    )
    for text in (state, reach.config_file.read_text(encoding="utf-8"), shown.stdout, shown.stderr):
        assert key not in text
        assert _encoded_line(key) not in text


def _change_kubeconfig(east: Kube, change: Callable[[str], str]) -> None:
    secret = east.get("secret", _SECRET, f"--namespace={SYSTEM}")
    text = change(_decoded(secret["data"]["west"]))
    patch = json.dumps({"stringData": {"west": text}})
    east.kubectl("patch", "secret", _SECRET, f"--namespace={SYSTEM}", "--type=merge", f"--patch={patch}")


def _with_user(text: str, data: dict[str, bytes]) -> str:
    document = yaml.safe_load(text)
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
    document["users"][0]["user"] |= encoded
    return yaml.safe_dump(document)


def _decoded(data: str) -> str:
    return base64.b64decode(data).decode()


def _encoded_line(line: str) -> str:
    """What is left of a line where it is a part of base64, whatever stands before it."""
    return base64.b64encode(line.encode()).decode()[4:-4]
