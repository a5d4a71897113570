"""Where the stack file sets what holds for a cluster."""

from tests.builders.stacks import stack_config


def test_a_cluster_knows_which_settings_it_overrides() -> None:
    """A problem is reported where it can be solved."""
    entry = {"istio": {"values": {"istiod": {"pilot": {"replicas": 2}}}}, "trust": {"intermediate": {}}}
    east = stack_config({"east": entry}).clusters["east"]
    assert east.path("istio") == "clusters.east.istio"
    assert east.path("istio.version") == "istio.version"
    assert east.path("istio.values.istiod.pilot.replicas.limit") == (
        "clusters.east.istio.values.istiod.pilot.replicas.limit"
    ), "a value in a map's place is what is to be changed"
    assert east.path("istio.values.istiod.pilotage") == "istio.values.istiod.pilotage"
    assert east.path("trust.intermediate") == "clusters.east.trust.intermediate"
    assert east.path("reader") == "reader"


def test_a_stack_knows_what_its_file_sets() -> None:
    """For every cluster, that which is not a setting of all included; what is null is not set."""
    config = stack_config({"east": {"network": None}}, peers={"west": {"stack": "o/p/west"}})
    assert config.sets("clusters.east.context")
    assert config.sets("peers.west")
    assert not config.sets("clusters.east.network")
    assert not config.sets("clusters.eas")
