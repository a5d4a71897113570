"""Meshes of four makers as stack files: what becomes a setting, what is left out, what is said."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from mesh.importing.from_clusters import from_clusters
from mesh.importing.imported import Imported, NotImportableError
from mesh.importing.remarks import before_the_first_preview
from mesh.live.facts import (
    GatewayInstalled,
    HelmRelease,
    InstalledMesh,
    ObservedControlPlane,
    ObservedTrust,
    RemoteSecret,
)
from mesh.load import load
from tests.builders.certificates import authority
from tests.builders.installed import (
    by_helm,
    by_istioctl,
    by_ristioctl,
    by_terraform,
    identity,
    member,
    remote_secret,
    trust,
)
from tests.builders.kubeconfigs import kubeconfig

Maker = Callable[..., InstalledMesh]
_MAKERS = (by_helm, by_terraform, by_istioctl, by_ristioctl)
_ROOT = authority("Shop Root CA", path_length=1)


def _imported(east: InstalledMesh, west: InstalledMesh, *, signs: bool = False) -> Imported:
    return from_clusters([member(east, "admin@east"), member(west, "admin@west")], signs=signs)


def _of(maker: Maker, *, signs: bool = False, **changes: Any) -> Imported:
    """Two clusters that one maker has made; `changes` are to the first one."""
    return _imported(maker("east", _ROOT, "west", **changes), maker("west", _ROOT, "east"), signs=signs)


def _said(imported: Imported) -> str:
    return "\n".join(map(str, imported.remarks))


def _refused(east: InstalledMesh, west: InstalledMesh) -> str:
    with pytest.raises(NotImportableError) as refused:
        _imported(east, west)
    return str(refused.value)


# What every kind comes to


@pytest.mark.parametrize("maker", _MAKERS)
def test_the_stack_file_of_each_kind_is_valid_and_keeps_its_identity(maker: Maker) -> None:
    """Names, networks, mesh ID, version and the root stay as they are; `cacerts` stays its owner's."""
    imported = _of(maker)
    servers = {f"admin@{name}": f"https://{name}.example.com:6443" for name in ("east", "west")}
    loaded = load(imported.sections, read=lambda _: kubeconfig(servers))
    assert loaded.problems == ()
    config = loaded.config
    assert config.mesh.id == "shop"
    assert config.trust.root.certificate == _ROOT.pem
    for name, cluster in config.clusters.items():
        assert cluster.connection.context == f"admin@{name}"
        assert cluster.network == f"network-{name}"
        assert cluster.istio.version == "1.31.0"
        assert cluster.intermediate.existing
        assert cluster.sees is None


@pytest.mark.parametrize("maker", _MAKERS)
def test_what_the_program_sets_itself_is_not_among_the_values(maker: Maker) -> None:
    """Else it would be said twice, and could differ."""
    values = _of(maker).sections["istio"].get("values", {})
    istiod = values.get("istiod", {})
    assert "meshID" not in istiod.get("global", {})
    assert not {"network", "multiCluster", "tag", "hub"} & istiod.get("global", {}).keys()
    assert "trustDomain" not in istiod.get("meshConfig", {})
    assert "base" not in values
    assert not {"name", "networkGateway"} & values.get("gateway", {}).keys()


@pytest.mark.parametrize("maker", _MAKERS)
def test_no_token_is_written_or_said(maker: Maker) -> None:
    """Kubeconfigs of remote secrets are read for their servers alone."""
    imported = _of(maker)
    for secret in ("signature", "a2V5"):
        assert secret not in str(imported.sections)
        assert secret not in _said(imported)


# Values


def test_values_of_helm_are_kept_and_those_alike_are_said_once() -> None:
    """What differs is set for its cluster."""
    sections = _of(by_helm).sections
    assert sections["istio"] == {
        "version": "1.31.0",
        "values": {
            "istiod": {"meshConfig": {"accessLogFile": "/dev/stdout"}, "resources": {"limits": {"cpu": 2}}}
        },
    }
    for name in ("east", "west"):
        gateway = {"service": {"annotations": {"zone": name}}}
        assert sections["clusters"][name]["istio"] == {"values": {"gateway": gateway}}


def test_values_of_istioctl_are_kept_without_those_of_its_profile() -> None:
    """Variables that it has put into the Deployment become values; of the gateway there is its Service."""
    sections = _of(by_istioctl).sections
    assert sections["istio"]["values"] == {
        "istiod": {
            "env": {"PILOT_ENABLE_ALPN_FILTER": "false"},
            "meshConfig": {"enablePrometheusMerge": False},
        }
    }
    assert sections["clusters"]["east"]["gateway"] == {
        "service": {"type": "NodePort", "annotations": {"zone": "east"}}
    }


def test_who_may_call_a_gateways_load_balancer_is_kept() -> None:
    """A load balancer is the default, and is not written."""
    gateway = GatewayInstalled(type="LoadBalancer", source_ranges=("198.51.100.0/24",))
    sections = _of(by_istioctl, gateway=gateway).sections
    assert sections["clusters"]["east"]["gateway"] == {"service": {"sourceRanges": ["198.51.100.0/24"]}}


def test_values_below_pilot_are_where_the_program_looks_for_them() -> None:
    """The chart takes both."""
    sections = _of(by_terraform).sections
    assert sections["istio"]["values"]["istiod"] == {"autoscaleMin": 2}


def test_a_variable_that_is_among_the_values_is_not_taken_from_the_deployment() -> None:
    """It may be a secret of a template's making, and it is the same one."""
    values = {**identity("east"), "env": {"PILOT_X": "1"}}
    release = HelmRelease(name="istiod", chart="istiod", version="1.31.0", values=values)
    east = by_helm("east", _ROOT, "west", environment={"PILOT_X": "1"})
    sections = _imported(
        dataclasses.replace(east, releases=(release,)), by_helm("west", _ROOT, "east")
    ).sections
    assert sections["clusters"]["east"]["istio"]["values"]["istiod"] == {"env": {"PILOT_X": "1"}}


def test_versions_that_differ_are_set_for_each_cluster() -> None:
    """And a release of another version than its istiod is said."""
    imported = _of(by_helm, version="1.30.3")
    assert "version" not in imported.sections["istio"]
    clusters = imported.sections["clusters"]
    assert [clusters[name]["istio"]["version"] for name in ("east", "west")] == ["1.30.3", "1.31.0"]
    assert "the Helm release istiod has version 1.31.0; the first update changes it" in _said(imported)


# Identity, trust and what is seen


def test_a_trust_domain_of_its_own_is_kept() -> None:
    """Workloads know each other by it."""
    running = ObservedControlPlane(
        cluster_id="east", mesh_id="shop", mesh_config={"trustDomain": "mesh.example.com"}
    )
    east = by_helm("east", _ROOT, control_plane=running)
    west = by_helm("west", _ROOT, control_plane=dataclasses.replace(running, cluster_id="west"))
    assert _imported(east, west).sections["mesh"] == {"id": "shop", "trustDomain": "mesh.example.com"}
    assert "trust domains mesh.example.com, cluster.local" in _refused(east, by_helm("west", _ROOT))


def test_with_the_roots_key_the_stack_makes_the_intermediates() -> None:
    """Without it, `cacerts` stays as it is, and that is said."""
    assert _of(by_helm, signs=True).sections["trust"] == {"root": {"certificate": _ROOT.pem}}
    assert "--root-key" not in _said(_of(by_helm, signs=True))
    assert "--root-key" in _said(_of(by_helm))


def test_the_root_is_the_one_that_has_signed_for_all() -> None:
    """Where `cacerts` trusts another one, too, that is not it."""
    other = authority("Another Root CA")
    found = trust(_ROOT, "east")
    assert found.cacerts is not None
    both = dataclasses.replace(found, cacerts=dataclasses.replace(found.cacerts, roots=other.pem + _ROOT.pem))
    assert _of(by_helm, trust=both).sections["trust"]["root"]["certificate"] == _ROOT.pem
    message = _refused(by_helm("east", other), by_helm("west", _ROOT))
    assert "no root has signed for all of them (east: Another Root CA; west: Shop Root CA)" in message


def test_a_root_that_a_cluster_does_not_trust_is_not_that_of_the_mesh() -> None:
    """Though it has signed for it: its workloads would refuse the others."""
    found = trust(_ROOT, "west")
    assert found.cacerts is not None
    other = dataclasses.replace(found.cacerts, roots=authority("Another Root CA").pem)
    west = by_helm("west", _ROOT, "east", trust=dataclasses.replace(found, cacerts=other))
    assert "no root has signed for all of them" in _refused(by_helm("east", _ROOT, "west"), west)


def test_a_cluster_that_sees_fewer_is_written_so() -> None:
    """A hub's spoke has no remote secret for the other spoke."""
    imported = _imported(by_helm("east", _ROOT), by_helm("west", _ROOT, "east"))
    assert imported.sections["clusters"]["east"]["sees"] == []
    assert "sees" not in imported.sections["clusters"]["west"]


def test_an_address_of_an_api_server_that_peers_alone_use_is_kept() -> None:
    """A way in from here may be another one."""
    west = by_helm("west", _ROOT, remote_secrets=(remote_secret("east", server="https://10.0.0.10:6443"),))
    sections = _imported(by_helm("east", _ROOT, "west"), west).sections
    assert sections["clusters"]["east"]["apiServer"] == {"server": "https://10.0.0.10:6443"}
    assert "apiServer" not in sections["clusters"]["west"]


def test_ways_to_an_api_server_that_differ_are_kept_for_each_reader() -> None:
    """Whoever goes the way of this machine gets nothing of another's."""
    away = "https://10.0.0.10:6443"
    readers = [
        member(by_helm("east", _ROOT), "admin@east"),
        member(by_helm("west", _ROOT, remote_secrets=(remote_secret("east", server=away),)), "admin@west"),
        member(by_helm("north", _ROOT, "east"), "admin@north"),
    ]
    sections = from_clusters(readers, signs=False).sections
    assert sections["clusters"]["east"]["apiServer"] == {"from": {"west": {"server": away}}}
    servers = {f"admin@{name}": f"https://{name}.example.com:6443" for name in ("east", "west", "north")}
    east = load(sections, read=lambda _: kubeconfig(servers)).valid().clusters["east"]
    assert east.api_server.server == "https://east.example.com:6443"
    assert east.api_servers_from["west"].server == away


def test_the_name_of_an_api_servers_certificate_is_kept_with_another_address() -> None:
    """Though the kubeconfig here has the same name: it is for the address there."""
    named = kubeconfig(
        {"east": "https://10.0.0.10:6443"}, current="east", cluster={"tls-server-name": "kubernetes"}
    )
    secret = dataclasses.replace(remote_secret("east"), kubeconfigs={"east": named})
    west = by_helm("west", _ROOT, remote_secrets=(secret,))
    east = member(by_helm("east", _ROOT), "admin@east")
    east = dataclasses.replace(
        east, reached_at=dataclasses.replace(east.reached_at, tls_server_name="kubernetes")
    )
    sections = from_clusters([east, member(west, "admin@west")], signs=False).sections
    assert sections["clusters"]["east"]["apiServer"] == {
        "server": "https://10.0.0.10:6443",
        "tlsServerName": "kubernetes",
    }


def test_hosts_that_are_exposed_are_kept() -> None:
    """A Gateway of another name is said."""
    exposing = {
        ("istio-system", "cross-network-gateway"): ("*.shop.svc.cluster.local",),
        ("edge", "more"): ("*.local",),
    }
    imported = _of(by_helm, exposing=exposing)
    assert imported.sections["clusters"]["east"]["exposure"] == {"hosts": ["*.shop.svc.cluster.local"]}
    assert "the Gateway edge/more exposes services, too" in _said(imported)


# What is said


def test_the_deployment_of_istioctls_gateway_is_let_go_before_the_update() -> None:
    """Its selector cannot be changed, and its pods run on without it."""
    members = [member(by_istioctl("east", _ROOT), "admin@east"), member(by_helm("west", _ROOT), "admin@west")]
    [step] = before_the_first_preview(members)
    command = (
        "kubectl --context admin@east --namespace istio-system delete deployment istio-eastwestgateway "
        "--cascade=orphan"
    )
    assert command in step.message


def test_gateways_releases_and_credentials_of_other_kinds_are_said() -> None:
    """Each with what becomes of it."""
    assert "the Service istio-ingress/gateway is another gateway of the network" in _said(_of(by_terraform))
    relayed = _said(_of(by_ristioctl))
    assert "clusters.west.reader.kubeconfig: east reads west without a token" in relayed
    assert "PROXY_CONFIG_XDS_AGENT" in relayed
    assert "ISTIO_META_DNS_CAPTURE" not in relayed
    assert "delete secret istio-reader-service-account-istio-remote-secret-token" in _said(_of(by_helm))


def test_members_that_are_not_given_are_said() -> None:
    """A part of the mesh would be imported."""
    assert "it reads the services of north, which is not among the given contexts" in _said(
        _of(by_helm, remote_secrets=(remote_secret("west"), remote_secret("north")))
    )


def test_a_secret_with_several_clusters_is_said() -> None:
    """The control plane would ignore those of the stack."""
    found = remote_secret("west")
    together = RemoteSecret(name="all-clusters", labelled=True, kubeconfigs=found.kubeconfigs)
    assert "the remote secret all-clusters has the clusters west" in _said(
        _of(by_helm, remote_secrets=(together,))
    )


def test_a_mesh_without_an_id_gets_one() -> None:
    """The setting is required."""
    running = ObservedControlPlane(cluster_id="east")
    east = by_helm("east", _ROOT, control_plane=running)
    west = by_helm("west", _ROOT, control_plane=dataclasses.replace(running, cluster_id="west"))
    imported = _imported(east, west)
    assert imported.sections["mesh"] == {"id": "mesh"}
    assert "mesh.id: istiod has none" in _said(imported)


# What cannot be imported


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"unreachable": "no answer"}, "admin@east: no answer"),
        ({"control_plane": None}, "has no Deployment istio-system/istiod"),
        ({"revisions": ("1-31-0", "default")}, "has istiod in the revision 1-31-0"),
        ({"ambient": True}, "has a ztunnel"),
        ({"version": None}, "istiod has the version None"),
        ({"version": "latest"}, "istiod has the version 'latest'"),
        ({"version": "1.26.9"}, "istiod has the version 1.26.9; expected 1.27.0 or later"),
        ({"trust": ObservedTrust()}, "has no Secret istio-system/cacerts"),
        (
            {"network": "", "control_plane": ObservedControlPlane(cluster_id="east")},
            "have the network ''",
        ),
        (
            {"control_plane": ObservedControlPlane(cluster_id="Kubernetes")},
            "istiod has the cluster ID 'Kubernetes'",
        ),
    ],
)
def test_a_cluster_that_cannot_be_imported_is_named_with_the_reason(
    changes: dict[str, Any], words: str
) -> None:
    """Before anything is written."""
    message = _refused(by_helm("east", _ROOT, "west", **changes), by_helm("west", _ROOT, "east"))
    assert message.startswith("admin@east: ")
    assert words in message


def test_the_only_control_plane_is_not_to_be_uninstalled() -> None:
    """Where there is one beside it, the command to do so is said."""
    west = by_helm("west", _ROOT, "east")
    beside = _refused(by_helm("east", _ROOT, revisions=("1-31-0", "default")), west)
    assert "`istioctl --context admin@east uninstall --revision 1-31-0`" in beside
    alone = _refused(by_helm("east", _ROOT, control_plane=None, revisions=("1-31-0",)), west)
    assert "has istiod in the revision 1-31-0" in alone
    assert "uninstall" not in alone


def test_cacerts_of_cert_manager_stays_with_it() -> None:
    """What the stack puts beside its keys, istiod does not read."""
    found = trust(_ROOT, "east")
    assert found.cacerts is not None
    by_manager = dataclasses.replace(found, cacerts=dataclasses.replace(found.cacerts, tls=True))
    assert _of(by_helm, trust=by_manager).sections["trust"]["intermediate"] == {"existing": True}
    with pytest.raises(NotImportableError, match=r"has tls\.crt, .*; expected no --root-key"):
        _of(by_helm, trust=by_manager, signs=True)


def test_clusters_that_are_one_or_of_two_meshes_are_refused() -> None:
    """A context may lead elsewhere than its name says."""
    assert "leads to the same cluster as admin@east" in _refused(
        by_helm("east", _ROOT), by_helm("east", _ROOT)
    )
    again = by_helm("east", _ROOT, identity="uid-of-another")
    assert "has the cluster ID 'east', as has admin@east" in _refused(by_helm("east", _ROOT), again)
    other = ObservedControlPlane(cluster_id="west", mesh_id="bank")
    assert "have the mesh IDs shop, bank" in _refused(
        by_helm("east", _ROOT), by_helm("west", _ROOT, control_plane=other)
    )
