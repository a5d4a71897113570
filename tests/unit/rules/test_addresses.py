"""Which addresses lead peers to another place."""

import pytest

from mesh.rules.addresses import is_loopback, is_service, misleading


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "127.255.0.9",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "0.0.0.0",  # noqa: S104 - nobody binds to it
        "0.1.2.3",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:0.0.0.0]",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "east.localhost",
        "localhost.localdomain",
        "ip6-localhost",
        "kubernetes.docker.internal",
        "host.docker.internal",
        "Kubernetes.Docker.Internal.",
        "host.containers.internal",
        "host.minikube.internal",
        "host.k3d.internal",
        "host.rancher-desktop.internal",
    ],
)
def test_an_address_of_the_machine_itself_is_that_of_whoever_uses_it(host: str) -> None:
    """However it is written: C's short and hexadecimal forms count, too."""
    assert is_loopback(f"https://{host}:6443"), host


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("kubernetes", "is each peer's own API server"),
        ("kubernetes.default", "is each peer's own API server"),
        ("kubernetes.default.svc", "is each peer's own API server"),
        ("kubernetes.default.svc.cluster.local", "is each peer's own API server"),
        ("kubernetes.default.svc.", "is each peer's own API server"),
        ("169.254.169.254", "is an address of the link"),
        ("[fe80::1]", "is an address of the link"),
        ("[fe80::1%25eth0]", "is an address of the link"),
        ("224.0.0.1", "is not the address of one server"),
        ("255.255.255.255", "is not the address of one server"),
        ("[ff02::1]", "is not the address of one server"),
        ("10.1", "is a form of 10.0.0.1 that istiod does not read: write 10.0.0.1"),
        ("0xc0a80001", "is a form of 192.168.0.1 that istiod does not read: write 192.168.0.1"),
        ("010.0.0.1", "is a form of 8.0.0.1 that istiod does not read: write 8.0.0.1"),
        ("300.0.0.1", "has no host name that DNS can have"),
        ("*.example.com", "has no host name that DNS can have"),
        ("*", "has no host name that DNS can have"),
        ("east..example.com", "has no host name that DNS can have"),
        ("<server>", "has no host name that DNS can have"),
        ("", "has no host"),
    ],
)
def test_an_address_that_leads_nowhere_says_why(host: str, why: str) -> None:
    """In words that follow the address."""
    assert str(misleading(f"https://{host}:6443")).startswith(why)


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "172.18.0.3",
        "203.0.113.10",
        "100.64.0.1",
        "[2001:db8::1]",
        "[fd00::1]",
        "east-control-plane",
        "kubernetes.example.com",
        "api.internal.example.com",
        "ip-10-0-0-1.ec2.internal",
        "east.c.project.internal",
        "kube_east.example.com",
        "gke-0123.europe-west3.gke.goog",
        "tokyo.hcp.japaneast.azmk8s.io",
    ],
)
def test_an_address_that_may_lead_to_a_cluster_is_accepted(host: str) -> None:
    """Private ones, and names without a dot: only peers know."""
    assert misleading(f"https://{host}:6443") is None
    assert not is_service(f"https://{host}:6443")


@pytest.mark.parametrize("host", ["east.relays.svc", "east.relays.svc.cluster.local", "east.svc."])
def test_a_service_is_known_by_its_name(host: str) -> None:
    """It may be meant: each peer can have one that leads to the cluster."""
    assert is_service(f"https://{host}")
    assert misleading(f"https://{host}") is None
