"""A mesh on certificates and credentials of the user's own, in all forms, on two clusters.

East gets its intermediate from the stack; west has its `cacerts` before the mesh, made by hand.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from sandbox import cluster
from tests.builders.certificates import Authority, authority
from tests.e2e.kube import Kube, assert_answered_everywhere
from tests.e2e.stack import Stack, mesh_config

pytestmark = pytest.mark.trust

NAMES = ("east", "west")
CONTEXTS = {"east": "given-east", "west": "given-west"}
SYSTEM = "istio-system"
ISTIOD = "istiod.istio-system.svc"
READER = f"system:serviceaccount:{SYSTEM}:istio-reader-service-account"


class Given:
    """The stack, its clusters, and the root that nobody but the test has the key of."""

    def __init__(self, stack: Stack, kubes: Mapping[str, Kube]) -> None:
        self.stack = stack
        self.kubes = kubes
        # Longer than an intermediate: one that ends with its root is not renewed.
        self.root = authority("the user's root", days=(-1, 3650))
        self.middle = authority("the user's middle", issuer=self.root, days=(-1, 3650))

    def change(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the stack's configuration."""
        config = self.stack.config()
        change(config)
        self.stack.configure(config)

    def cacerts(self, name: str) -> dict[str, str]:
        """The Secret `cacerts` of a cluster in plain."""
        data = self.kubes[name].get("-n", SYSTEM, "secret/cacerts")["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}


@pytest.fixture(scope="module")
def given(
    fresh_clusters: Callable[..., Mapping[str, cluster.Cluster]],
    new_stack: Callable[[str], Stack],
    kube: Callable[[str], Kube],
) -> Iterator[Given]:
    """A stack whose root is given with its key; west's `cacerts` are there, the mesh is not."""
    fresh_clusters(*CONTEXTS.values())
    stack = new_stack("given")
    config = mesh_config(NAMES, cluster.merged_kubeconfig())
    for name, context in CONTEXTS.items():
        config["clusters"][name]["context"] = context
    stack.init(config)
    given = Given(stack, {name: kube(context) for name, context in CONTEXTS.items()})

    def root(config: dict[str, Any]) -> None:
        config["trust"]["root"] = {"certificate": given.root.pem}
        config["clusters"]["west"]["trust"] = {"intermediate": {"existing": True}}

    given.change(root)
    given.stack.set_secret("trust.root.privateKey", given.root.key_pem)
    yield given
    cluster.stop(list(CONTEXTS.values()))


def cacerts_by_hand(kube: Kube, own: Authority, *between: Authority, root: Authority) -> None:
    """What a user makes before the mesh: the namespace with its network, and the Secret in it."""
    kube.kubectl("create", "namespace", SYSTEM)
    kube.kubectl("label", "namespace", SYSTEM, "topology.istio.io/network=net-west")
    chain = "".join(link.pem for link in (own, *between, root))
    texts = {
        "ca-cert.pem": own.pem,
        "ca-key.pem": own.key_pem,
        "cert-chain.pem": chain,
        "root-cert.pem": root.pem,
    }
    literals = [f"--from-literal={key}={text}" for key, text in texts.items()]
    kube.kubectl("create", "secret", "generic", "cacerts", "-n", SYSTEM, *literals)


def test_a_stack_with_an_empty_passphrase_is_refused(given: Given, new_stack: Callable[[str], Stack]) -> None:
    """Its keys would be as good as plain text: nothing is made."""
    stack = new_stack("open")
    del stack.environment["PULUMI_CONFIG_PASSPHRASE_FILE"]
    stack.environment["PULUMI_CONFIG_PASSPHRASE"] = ""
    stack.init(mesh_config(tuple(CONTEXTS.values()), cluster.merged_kubeconfig()))
    refused = stack.up(check=False)
    assert refused.returncode != 0, "an empty passphrase was accepted"
    assert "secretsprovider: PULUMI_CONFIG_PASSPHRASE is empty" in refused.stdout
    assert "change-secrets-provider" in refused.stdout


def test_missing_cacerts_are_asked_for_before_anything_is_made(given: Given) -> None:
    """West has none yet: nothing is registered, in east neither."""
    refused = given.stack.up(check=False)
    assert refused.returncode != 0, "a cluster without the cacerts that it should have was accepted"
    assert "the cluster has no Secret istio-system/cacerts" in refused.stdout
    assert given.kubes["east"].kubectl("get", "namespace", SYSTEM, "--ignore-not-found") == ""


def test_a_given_root_and_existing_cacerts_make_one_mesh(given: Given) -> None:
    """East's intermediate is signed with the given key; west's Secret stays as it was made."""
    own = authority("west by hand", issuer=given.middle, names=[ISTIOD])
    cacerts_by_hand(given.kubes["west"], own, given.middle, root=given.root)
    before = given.kubes["west"].get("-n", SYSTEM, "secret/cacerts")["metadata"]
    given.stack.up()
    assert_answered_everywhere(given.kubes)
    assert given.cacerts("east")["root-cert.pem"].strip() == given.root.pem.strip()
    after = given.kubes["west"].get("-n", SYSTEM, "secret/cacerts")["metadata"]
    assert after["resourceVersion"] == before["resourceVersion"], "somebody else's cacerts was written"
    assert given.stack.preview() == []


def test_a_renewal_shows_in_a_plain_preview_and_happens_in_place(given: Given) -> None:
    """The certificate's end is moved near in the state; only it and the Secret with it change."""
    state = given.stack.state(show_secrets=True)
    (certificate,) = (
        r for r in state["deployment"]["resources"] if r["urn"].endswith("east-intermediate-g1-certificate")
    )
    near = datetime.now(UTC) + timedelta(days=1)
    certificate["outputs"]["validityEndTime"] = f"{near:%Y-%m-%dT%H:%M:%SZ}"
    given.stack.put(state)
    assert {(c.op, c.name) for c in given.stack.preview()} == {
        ("replace", "east-intermediate-g1-certificate"),
        ("update", "east-cacerts"),
    }
    before = given.cacerts("east")
    given.stack.up()
    after = given.cacerts("east")
    assert after["ca-cert.pem"] != before["ca-cert.pem"], "the certificate was not renewed"
    assert after["ca-key.pem"] == before["ca-key.pem"], "the key was replaced, not only the certificate"
    assert given.stack.preview() == []


def test_an_offline_root_with_given_intermediates_and_a_short_lived_token(given: Given) -> None:
    """The root's key leaves the stack; east's intermediate and the token for west are the user's."""
    own = authority("east by hand", issuer=given.middle, names=[ISTIOD])
    west = given.kubes["west"]
    token = west.kubectl("-n", SYSTEM, "create", "token", READER.rpartition(":")[2], "--duration=2h").strip()
    document = yaml.safe_load(west.kubectl("config", "view", "--minify", "--raw"))
    document["users"][0]["user"] = {"token": token}

    def offline(config: dict[str, Any]) -> None:
        del config["trust"]["root"]["privateKey"]
        intermediate = {"certificate": own.pem, "chain": given.middle.pem}
        config["clusters"]["east"]["trust"] = {"intermediate": intermediate}

    given.change(offline)
    given.stack.set_secret("clusters.east.trust.intermediate.privateKey", own.key_pem)
    given.stack.set_secret("clusters.west.reader.kubeconfig", yaml.safe_dump(document))
    given.stack.up()
    assert given.cacerts("east")["ca-cert.pem"].strip() == own.pem.strip()
    assert_answered_everywhere(given.kubes)
    secret = given.kubes["east"].get("-n", SYSTEM, "secret/istio-remote-secret-west")["data"]["west"]
    assert token in base64.b64decode(secret).decode()
    tokens = west.kubectl(
        "-n", SYSTEM, "get", "secrets", "--field-selector", "type=kubernetes.io/service-account-token"
    )
    assert tokens == "", "the reader still has a token that does not expire"


def test_no_key_of_the_users_stands_anywhere_in_plain(given: Given) -> None:
    """Neither in the state, nor in the stack file, outputs, a preview or a report."""
    texts = {
        "state": json.dumps(given.stack.state()),
        "stack file": given.stack.config_file.read_text(),
        "outputs": json.dumps(given.stack.outputs()),
        "preview": given.stack.pulumi("preview", "--diff").stdout,
    }
    for name, text in texts.items():
        assert "PRIVATE KEY" not in text, name
        for line in given.root.key_pem.splitlines()[1:-1]:
            assert line not in text, name
