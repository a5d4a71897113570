"""The mesh in another Python program: what it declares, and what it makes of outputs."""

import copy
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pulumi
import pulumi_random as random
import pytest
import yaml

from mesh.live.facts import ObservedCluster
from mesh.package import Mesh, MeshArgs, schema
from mesh.preflight import look
from mesh.stacks import state
from tests.builders.kubeconfigs import kubeconfig
from tests.builders.stack_files import decrypted
from tests.program.conftest import write_kubeconfigs
from tests.program.recording import PROJECT, Recording, Registration, run, run_program

EXAMPLE = PROJECT / "examples/three-clusters.yaml"
_PROVIDER = "pulumi:providers:kubernetes"


@pytest.fixture(autouse=True)
def any_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack in which there is nothing yet."""
    monkeypatch.setattr(state, "export", lambda *_: {})


def contents(name: str) -> str:
    """The kubeconfig that a new cluster has."""
    return kubeconfig({f"admin-of-{name}": f"https://{name}.example.com:6443"}, current=f"admin-of-{name}")


def made(name: str) -> pulumi.Output[str]:
    """The kubeconfig of a cluster that is made in the same program, which is not known in a preview."""
    cluster = random.RandomId(f"cluster-{name}", byte_length=2)
    return pulumi.Output.secret(cluster.hex.apply(lambda _: contents(name)))


def program(arguments: Callable[[], MeshArgs]) -> Callable[[], None]:
    """A program that declares a mesh, and keeps its outputs."""

    def declare() -> None:
        mesh = Mesh("mesh", arguments())
        for name, value in mesh.outputs.items():
            pulumi.export(name, value)

    return declare


def two_new() -> MeshArgs:
    """Two clusters that are made in the program."""
    return {
        "mesh": {"id": "dev"},
        "clusters": {"east": {"kubeconfig": made("east")}, "west": {"kubeconfig": made("west")}},
    }


def comparable(recording: Recording) -> list[Registration]:
    """All resources, in one order."""
    return sorted(recording.resources, key=lambda found: found.urn)


def test_arguments_declare_what_the_same_sections_in_a_stack_file_do() -> None:
    """Names, types, parents, inputs, dependencies and outputs."""
    config = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["config"]
    prefix = "istio-mesh:"
    sections: Any = {k.removeprefix(prefix): value for k, value in config.items() if k.startswith(prefix)}
    write_kubeconfigs(sections["clusters"])
    by_stack = run(EXAMPLE)
    by_arguments = run_program(program(lambda: copy.deepcopy(sections)))
    assert comparable(by_arguments) == comparable(by_stack)
    assert by_arguments.outputs.keys() == by_stack.outputs.keys()


@pytest.mark.parametrize("example", ["failover", "ambient", "hub-and-spokes", "primary-remote"])
def test_every_output_is_in_the_schema_and_those_that_it_requires_are_there(example: str) -> None:
    """Programs in other languages see no other."""
    stack_file = PROJECT / f"examples/{example}.yaml"
    write_kubeconfigs(decrypted(stack_file)["istio-mesh:clusters"])
    outputs = run(stack_file).outputs
    package = schema.package()
    assert outputs.keys() <= package["resources"][state.MESH]["properties"].keys()
    assert outputs.keys() >= set(package["resources"][state.MESH]["required"])
    for output, type_ in (("clusters", "ClusterStatus"), ("failover", "FailoverStatus")):
        for found in outputs.get(output, {}).values():
            assert found.keys() <= schema.OUTPUT_TYPES[type_]["properties"].keys()
            assert found.keys() >= set(schema.OUTPUT_TYPES[type_]["required"])


def test_a_preview_shows_all_of_clusters_that_are_made_in_the_same_program() -> None:
    """Nothing waits for a kubeconfig that is not known yet."""
    preview, up = (run_program(program(two_new), preview=preview) for preview in (True, False))
    assert [(r.urn, r.provider) for r in comparable(preview)] == [(r.urn, r.provider) for r in comparable(up)]
    names = {r.name for r in preview.resources}
    assert {"east-istiod", "west-istiod", "east-sees-west-remote-secret"} <= names
    assert up.outputs["clusters"]["east"]["apiServer"] == "https://east.example.com:6443"


def test_a_new_cluster_is_reached_by_its_own_kubeconfig_and_waits_for_no_other() -> None:
    """It is secret, and the provider goes before the cluster."""
    up = run_program(program(two_new))
    for name, other in (("east", "west"), ("west", "east")):
        provider = up.one(_PROVIDER, name)
        assert provider.inputs["kubeconfig"] == contents(name)
        assert provider.inputs["context"] == f"admin-of-{name}"
        assert "kubeconfig" in provider.secret_inputs
        before = up.before(provider)
        assert f"cluster-{name}" in before
        assert f"cluster-{other}" not in before
    assert not any("token-of-admin" in text for text in up.shown), "a kubeconfig's token is shown"


def test_the_server_of_a_cluster_that_is_not_known_yet_is_shown_as_unknown() -> None:
    """Not as an empty one, and not as a secret."""
    preview = run_program(program(two_new), preview=True)
    assert isinstance(preview.outputs["clusters"]["east"]["apiServer"], pulumi.output.Unknown)


def test_in_a_preview_new_clusters_are_said_to_be_unseen_and_the_others_are_looked_at(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line names them."""
    said: list[str] = []
    asked: list[tuple[str, ...]] = []

    def read_clusters(config: Any) -> dict[str, ObservedCluster]:
        asked.append(config.awaited)
        return {n: ObservedCluster(unreachable="?" if n in config.awaited else None) for n in config.clusters}

    monkeypatch.setattr(look.istio_system, "read_clusters", read_clusters)
    monkeypatch.setattr(pulumi.log, "warn", said.append)

    def arguments() -> MeshArgs:
        clusters: Any = {"east": {"kubeconfig": made("east")}, "old": {"kubeconfig": contents("old")}}
        return {"mesh": {"id": "dev"}, "clusters": clusters}

    run_program(program(arguments), preview=True)
    run_program(program(arguments))
    assert asked == [("east",), ()]
    (line,) = [text for text in said if "not looked at" in text]
    assert line.startswith("not looked at before the update: east, because a kubeconfig is not known")


def test_all_mistakes_are_refused_at_once_before_anything_is_declared() -> None:
    """By their paths in the arguments; a secret is in none of the messages."""
    recorded: list[Recording] = []

    def arguments() -> MeshArgs:
        clusters: Any = {"east": {"kubeconfig": made("east"), "netwrok": "n"}}
        key = pulumi.Output.secret("t0ps3cret")
        return {"mesh": {"id": "No"}, "trust": {"root": {"privateKey": key}}, "clusters": clusters}

    with pytest.raises(pulumi.RunError) as error:
        recorded.append(run_program(program(arguments)))
    message = str(error.value)
    assert message.startswith("3 problems in the arguments of mesh; nothing was changed.")
    for path in (
        "mesh.id",
        "clusters.east.netwrok: unknown key; did you mean network?",
        "trust.root.certificate",
    ):
        assert f"  {path}" in message
    assert "t0ps3cret" not in message
    assert recorded == []


def test_what_else_the_stack_has_is_none_of_the_meshs_business(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider of the program's own is no cluster that has left the mesh."""
    exported: dict[str, Any] = {
        "deployment": {
            "resources": [
                {
                    "urn": "urn:pulumi:dev::istio-mesh::pulumi:providers:kubernetes::other",
                    "type": _PROVIDER,
                    "inputs": {"kubeconfig": "/other", "context": "other"},
                }
            ]
        }
    }
    monkeypatch.setattr(state, "export", lambda *_: exported)

    def read_cluster(connection: Any) -> ObservedCluster:
        raise AssertionError(f"{connection} was read")

    monkeypatch.setattr(look.istio_system, "read_cluster", read_cluster)
    assert run_program(program(two_new)).resources


def test_a_path_of_a_kubeconfig_is_no_secret_and_no_contents(home: Path) -> None:
    """It goes into the state as it is."""
    file = home / "kubeconfig"
    file.write_text(contents("east"), encoding="utf-8")

    def arguments() -> MeshArgs:
        entry: Any = {"kubeconfig": str(file), "context": "admin-of-east"}
        return {"mesh": {"id": "dev"}, "clusters": {"east": entry}}

    provider = run_program(program(arguments)).one(_PROVIDER, "east")
    assert provider.inputs["kubeconfig"] == str(file)
    assert "kubeconfig" not in provider.secret_inputs


def test_the_example_in_python_makes_its_clusters_and_the_mesh(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the one class of the cloud's SDK that it uses."""

    def cluster(name: str, *, region: str, version: str, node_pool: dict[str, Any]) -> SimpleNamespace:
        assert (region, version, node_pool["node_count"]) in {("nyc1", "1", 3), ("ams3", "1", 3)}
        configs = made(name).apply(lambda text: [SimpleNamespace(raw_config=text)])
        return SimpleNamespace(kube_configs=configs)

    monkeypatch.setitem(
        sys.modules, "pulumi_digitalocean", cast(ModuleType, SimpleNamespace(KubernetesCluster=cluster))
    )
    pulumi.runtime.set_all_config({"istio-mesh:kubernetesVersion": "1"}, [])
    example = PROJECT / "examples/package/python/__main__.py"
    up = run_program(lambda: cast(None, runpy.run_path(str(example))))
    assert {"new-york-istiod", "amsterdam-hello-world-service"} <= {found.name for found in up.resources}
    assert up.outputs["clusters"]["amsterdam"]["apiServer"] == "https://amsterdam.example.com:6443"
