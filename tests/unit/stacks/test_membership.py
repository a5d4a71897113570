"""Which resources of a state belong to a cluster, and what it takes to forget one."""

from typing import Any

from mesh.forgetting import forgetting, state_without
from mesh.plan import Link
from mesh.stacks.membership import of_cluster, of_link
from mesh.stacks.state import recorded

_PREFIX = "urn:pulumi:dev::istio-mesh::"


def _resource(path: str, name: str, parent: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    own = {"type": path, "urn": f"{_PREFIX}{path}::{name}", **more}
    return {**own, "parent": parent["urn"]} if parent else own


def _provider(cluster: str) -> dict[str, Any]:
    return _resource("pulumi:providers:kubernetes", cluster, MESH, custom=True)


def _made(path: str, name: str, cluster: str, parent: dict[str, Any]) -> dict[str, Any]:
    provider = f"{_PREFIX}pulumi:providers:kubernetes::{cluster}::1234"
    return _resource(path, name, parent, custom=True, provider=provider)


STACK = _resource("pulumi:pulumi:Stack", "istio-mesh-dev")
MESH = _resource("mesh:index:Mesh", "mesh", STACK)
TLS = _resource("pulumi:providers:tls", "default_5_6_2", custom=True, inputs={"version": "5.6.2"})
EAST = _resource("mesh:index:Cluster", "east", MESH)
WEST = _resource("mesh:index:Cluster", "west", MESH)
EAST_SEES_WEST = _resource("mesh:index:RemoteSecret", "east-sees-west", MESH)
WEST_SEES_EAST = _resource("mesh:index:Link", "west-sees-east", MESH)
STATE = {
    "version": 3,
    "deployment": {
        "resources": [
            STACK,
            MESH,
            TLS,
            _provider("east"),
            _provider("west"),
            EAST,
            WEST,
            _made("kubernetes:core/v1:Namespace", "east-istio-system", "east", EAST),
            _made("kubernetes:core/v1:Namespace", "west-istio-system", "west", WEST),
            _resource(
                "tls:index/privateKey:PrivateKey",
                "west-key",
                WEST,
                custom=True,
                provider=f"{TLS['urn']}::5678",
            ),
            EAST_SEES_WEST,
            WEST_SEES_EAST,
            _made("kubernetes:core/v1:Secret", "east-sees-west-remote-secret", "east", EAST_SEES_WEST),
            _made("kubernetes:core/v1:Secret", "west-sees-east-remote-secret", "west", WEST_SEES_EAST),
        ]
    },
}
RECORDED = recorded(STATE)


def test_a_cluster_has_its_component_and_the_remote_secrets_in_it() -> None:
    """Whatever type a program of an earlier version gave to the component around them; parents come first."""
    assert [resource.name for resource in of_cluster(RECORDED.resources, "west")] == [
        "west",
        "west-istio-system",
        "west-key",
        "west-sees-east",
        "west-sees-east-remote-secret",
    ]


def test_the_plugin_of_a_resource_is_known_with_its_version() -> None:
    """Without it, Pulumi would take the newest for another provider."""
    versions = {resource.name: resource.provider_version for resource in RECORDED.resources}
    assert versions["west-key"] == "5.6.2"
    assert versions["west-istio-system"] is None


def test_a_link_has_the_component_around_its_secret() -> None:
    """As it was in states of before."""
    found = of_link(RECORDED.resources, Link(cluster="east", remote="west"))
    assert [resource.name for resource in found] == ["east-sees-west", "east-sees-west-remote-secret"]


def test_a_cluster_is_forgotten_with_the_remote_secrets_for_it() -> None:
    """They are deleted; its own resources only leave the state, and nobody else's are concerned."""
    found = forgetting(RECORDED, "west", frozenset(), in_stack_file=True)
    assert list(found.lines()) == [
        "delete east-sees-west-remote-secret in its cluster, and take it out of the state",
        "take the 4 resources of west out of the state; none is deleted",
        "remove clusters.west from the stack file",
    ]
    left = state_without(STATE, {resource.urn for resource in found.resources})
    assert [resource["urn"].rpartition("::")[2] for resource in left["deployment"]["resources"]] == [
        "istio-mesh-dev",
        "mesh",
        "default_5_6_2",
        "east",
        "east",
        "east-istio-system",
        "east-sees-west",
        "east-sees-west-remote-secret",
    ]


def test_nothing_that_stays_depends_on_a_cluster_that_was_forgotten() -> None:
    """As a remote secret in another cluster that is away does; Pulumi refuses such a state."""
    east: dict[str, Any] = {
        "urn": EAST["urn"],
        "dependencies": [WEST["urn"], MESH["urn"]],
        "propertyDependencies": {"metadata": [WEST["urn"]], "stringData": None},
    }
    left = state_without({"deployment": {"resources": [WEST, east]}}, {WEST["urn"]})
    assert left["deployment"]["resources"] == [
        {
            "urn": EAST["urn"],
            "dependencies": [MESH["urn"]],
            "propertyDependencies": {"metadata": [], "stringData": []},
        }
    ]


def test_a_cluster_may_have_the_name_of_a_link() -> None:
    """It is no remote secret by that."""
    odd = _resource("mesh:index:Cluster", "east-sees-west", MESH)
    state = {"deployment": {"resources": [STACK, MESH, EAST, WEST, odd, EAST_SEES_WEST]}}
    found = forgetting(recorded(state), "west", frozenset(), in_stack_file=False)
    assert [resource.type for resource in found.remote_secrets] == ["mesh:index:RemoteSecret"]


def test_a_remote_secret_in_a_cluster_that_is_away_is_left() -> None:
    """It would be asked to delete it; the update that brings it back does that."""
    found = forgetting(RECORDED, "west", frozenset({"east"}), in_stack_file=False)
    assert found.remote_secrets == ()
    assert next(iter(found.lines())).startswith("leave the remote secret in east")


def test_of_an_unknown_cluster_there_is_nothing_to_forget() -> None:
    """Neither in the state nor in the stack file."""
    assert not forgetting(RECORDED, "north", frozenset(), in_stack_file=False)
    assert forgetting(RECORDED, "north", frozenset(), in_stack_file=True)
