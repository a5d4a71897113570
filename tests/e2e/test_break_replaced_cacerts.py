"""Somebody else replaces `cacerts` in all clusters: `pulumi up` refuses, and the runbook leads back.

The steps are those of `docs/runbooks/replaced-cacerts.md`, which the refusal names.
"""

import base64
from collections.abc import Callable

import pytest

from mesh.samples.names import NAMESPACE
from tests.builders.certificates import Authority, authority
from tests.e2e.faults import SYSTEM, passes, replace, restart
from tests.e2e.kube import Kube, eventually
from tests.e2e.stack import Stack

pytestmark = pytest.mark.breaking

_CLUSTERS = ("east", "west")


def test_the_runbook_for_replaced_cacerts_leads_back(mesh: Stack, kube: Callable[[str], Kube]) -> None:
    """No cluster works with the mesh's root any more: the program cannot know why, and refuses."""
    kubes = [kube(name) for name in _CLUSTERS]
    root = authority("somebody else's root")
    for cluster in kubes:
        _replace_cacerts(cluster, root)
        restart(cluster, "istiod")
        eventually(lambda cluster=cluster: _published(cluster) == root.pem, lambda: "the root is not loaded")

    refused = mesh.up(check=False)
    assert refused.returncode != 0, "an update under a root that is not the mesh's was accepted"
    assert "2 problems in the clusters; nothing was changed" in refused.stderr + refused.stdout
    assert "docs/runbooks/replaced-cacerts.md" in refused.stderr + refused.stdout

    for cluster in kubes:
        cluster.kubectl("-n", SYSTEM, "scale", "deployment", "istiod", "--replicas=0")
        cluster.kubectl(
            "-n", SYSTEM, "wait", "--for=delete", "pod", "--selector=app=istiod", "--timeout=110s"
        )
        cluster.kubectl("-n", SYSTEM, "delete", "secret", "cacerts")
        cluster.kubectl("-n", SYSTEM, "delete", "configmap", "istio-ca-root-cert")
    update = mesh.start("up", "--refresh", "--yes", "--skip-preview")
    for cluster in kubes:
        cluster.kubectl("-n", SYSTEM, "wait", "--for=create", "secret/cacerts", "--timeout=110s")
        cluster.kubectl("-n", SYSTEM, "scale", "deployment", "istiod", "--replicas=1")
    for cluster in kubes:
        cluster.kubectl("-n", SYSTEM, "rollout", "status", "deployment/istiod", "--timeout=110s")
        restart(cluster, "istio-eastwestgateway")
        restart(cluster, f"helloworld-{cluster.context}", "client", namespace=NAMESPACE)
    mesh.ended(update)

    assert mesh.preview() == [], "the runbook promises an update without a change"
    trust = mesh.command("trust", "--workloads")
    assert trust.returncode == 0, trust.stdout + trust.stderr
    assert "somebody else's root" not in trust.stdout, "a proxy still has a certificate of the other root"
    passes(mesh)


def _replace_cacerts(cluster: Kube, root: Authority) -> None:
    intermediate = authority("somebody else's CA", issuer=root, names=["istiod.istio-system.svc"])
    secret = cluster.get("secret", "cacerts", f"--namespace={SYSTEM}")
    data = {
        "ca-cert.pem": intermediate.pem,
        "ca-key.pem": intermediate.key_pem,
        "root-cert.pem": root.pem,
        "cert-chain.pem": intermediate.pem + root.pem,
    }
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    replace(cluster, {**secret, "data": encoded})


def _published(cluster: Kube) -> str:
    found = cluster.get("configmap", "istio-ca-root-cert", f"--namespace={SYSTEM}")
    return found["data"]["root-cert.pem"]
