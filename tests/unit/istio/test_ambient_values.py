"""What Istio's charts are told where there are ambient workloads."""

import json
from typing import Any

import pytest

from mesh.istio import ambient_values, values
from mesh.istio.hbone_values import patches
from tests.builders.stacks import stack_config


def _cluster(plane: str = "ambient", **entry: Any) -> Any:
    return stack_config({"east": {"dataPlane": plane, **entry}}).clusters["east"]


def _istiod(plane: str, **user: Any) -> dict[str, Any]:
    config = stack_config({"east": {"dataPlane": plane, "istio": {"values": {"istiod": user}}}})
    return values.istiod(config.clusters["east"], config.mesh)


def _user(chart: str, **user: Any) -> Any:
    return _cluster(istio={"values": {chart: user}})


@pytest.mark.parametrize("plane", ["ambient", "both"])
def test_istiod_serves_ztunnels_of_several_networks(plane: str) -> None:
    """Whatever a profile of the user's leaves out."""
    given = _istiod(plane, profile="stable", env={"AMBIENT_ENABLE_MULTI_NETWORK": "true", "A": "b"})
    assert given["profile"] == "stable"
    assert given["env"] == {
        "ISTIO_MULTIROOT_MESH": "true",
        "PILOT_ENABLE_AMBIENT": "true",
        "AMBIENT_ENABLE_MULTI_NETWORK": "true",
        "A": "b",
    }
    assert given["meshConfig"]["defaultConfig"]["proxyMetadata"]["ISTIO_META_ENABLE_HBONE"] == "true"


def test_the_profile_brings_the_rest() -> None:
    """Images, and what a later version adds."""
    assert _istiod("ambient")["profile"] == "ambient"


def test_sidecars_alone_get_what_they_always_got() -> None:
    """Byte for byte: another value would restart every gateway."""
    assert json.dumps(_istiod("sidecar")) == json.dumps(
        {
            "env": {"ISTIO_MULTIROOT_MESH": "true"},
            "meshConfig": {
                "defaultConfig": {
                    "proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "true", "PROXY_CONFIG_XDS_AGENT": "true"}
                },
                "trustDomain": "cluster.local",
            },
            "global": {
                "meshID": "dev",
                "multiCluster": {"clusterName": "east"},
                "network": "net-east",
            },
        }
    )


def test_the_agent_takes_in_ambient_pods_whatever_the_profile() -> None:
    """The user's other values stay."""
    given = ambient_values.cni(_user("cni", profile="stable", cniBinDir="/bin", ambient={"enabled": True}))
    assert given == {"profile": "stable", "cniBinDir": "/bin", "ambient": {"enabled": True}}
    assert ambient_values.cni(_cluster()) == {"profile": "ambient", "ambient": {"enabled": True}}


def test_ztunnel_knows_its_cluster_its_network_and_its_trust_domain() -> None:
    """Above the user's values, which stay beside them."""
    user = _user("ztunnel", env={"SECRET_TTL": "1h"}, resources={"requests": {"memory": "1Gi"}})
    assert ambient_values.ztunnel(user, "example.com") == {
        "resourceName": "ztunnel",
        "multiCluster": {"clusterName": "east"},
        "network": "net-east",
        "env": {"SECRET_TTL": "1h", "TRUST_DOMAIN": "example.com", "CLUSTER_DOMAIN": "cluster.local"},
        "resources": {"requests": {"memory": "1Gi"}},
    }


def test_ztunnel_checks_crls_where_the_mesh_has_some() -> None:
    """Empty ones too; without the setting, its pods are as they were."""
    revoking = stack_config({"east": {}}, dataPlane="ambient", trust={"revoked": []}).clusters["east"]
    assert ambient_values.ztunnel(revoking, "cluster.local")["peerCaCrl"] == {"enabled": True}


def test_ztunnel_resolves_short_names_in_the_domain_of_its_cluster() -> None:
    """As istiod is told."""
    cluster = _user("istiod", **{"global": {"proxy": {"clusterDomain": "corp.internal"}}})
    assert ambient_values.ztunnel(cluster, "cluster.local")["env"]["CLUSTER_DOMAIN"] == "corp.internal"


# The gateway


def _patches(**gateway: Any) -> dict[str, Any]:
    return {key: json.loads(text) for key, text in patches(_cluster(gateway=gateway)).items()}


def test_a_gateway_without_settings_has_no_patches() -> None:
    """And so no ConfigMap."""
    assert _patches() == {}


def test_settings_of_the_service_are_a_patch_of_the_service() -> None:
    """Annotations of a preset come below those that are set."""
    assert _patches(
        service={
            "preset": "azure-internal",
            "annotations": {"a": "b"},
            "sourceRanges": ["198.51.100.0/24"],
            "ipFamilies": ["IPv6", "IPv4"],
            "ipFamilyPolicy": "RequireDualStack",
        }
    ) == {
        "service": {
            "metadata": {
                "annotations": {
                    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
                    "a": "b",
                }
            },
            "spec": {
                "loadBalancerSourceRanges": ["198.51.100.0/24"],
                "ipFamilies": ["IPv6", "IPv4"],
                "ipFamilyPolicy": "RequireDualStack",
            },
        }
    }


def test_one_family_is_no_wish_for_two() -> None:
    """Istiod prefers both where the cluster has them."""
    spec = _patches(service={"ipFamilies": ["IPv6"]})["service"]["spec"]
    assert spec == {"ipFamilies": ["IPv6"], "ipFamilyPolicy": "SingleStack"}


def test_several_pods_are_spread_and_drained_one_by_one() -> None:
    """Istiod makes neither autoscaler nor budget without a patch."""
    found = _patches(replicas=7)
    (zone, node) = found["deployment"]["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert zone["labelSelector"] == node["labelSelector"]
    assert {zone["topologyKey"], node["topologyKey"]} == {
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    }
    spec = found["horizontalPodAutoscaler"]["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (7, 7)
    assert found["podDisruptionBudget"] == {"spec": {"maxUnavailable": 1}}
    assert _patches(replicas=1).keys() == {"horizontalPodAutoscaler"}
