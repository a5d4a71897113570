"""A mesh split over stacks: one for the roots, one for each cluster, run side by side as by a CI matrix."""

import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox import cluster
from tests.e2e.kube import Kube, eventually
from tests.e2e.stack import PROJECT, Stack, mesh_config

pytestmark = pytest.mark.trust

NAMES = ("east", "west", "north")
CONTEXTS = {name: f"split-{name}" for name in NAMES}
# What is made anew for every mesh: keys, certificates, tokens, serial numbers, and what Helm makes of them.
# As they are, or, in the data of a Secret, in base64: what begins with `-----BEGIN` or `apiVersion`.
_GENERATED = re.compile(
    r"(?:LS0tLS1CRUdJTi|YXBpVmVyc2lvb)[A-Za-z0-9+/]+=*|"
    r"-----BEGIN [A-Z ]+-----.+?-----END [A-Z ]+-----|eyJ[\w.-]+|(?<=\"serialNumber\": \")[0-9a-f]+",
    re.DOTALL,
)
# The kubelet brings a changed Secret into the pod within a minute or so.
_PROPAGATION_SECONDS = 240
_OF_A_STACK = ("pulumi:providers:pulumi", "pulumi:providers:random", "pulumi:providers:tls", "pulumi:pulumi:")


class SplitMesh:
    """The stacks of one project, each with the file of its own that a user would write."""

    def __init__(self, project: Path, environment: Mapping[str, str]) -> None:
        self._project = project
        self._environment = environment
        self._whole = mesh_config(tuple(CONTEXTS.values()), cluster.merged_kubeconfig())
        self.stacks: dict[str, Stack] = {}

    def whole(self) -> dict[str, Any]:
        """The configuration of the same mesh as one stack."""
        return {**self._whole, "clusters": {name: self._cluster(name) for name in NAMES}}

    def add(self, name: str, config: Mapping[str, Any]) -> Stack:
        """Make a stack."""
        self.stacks[name] = Stack(name, self._project, self._environment, project=self._project)
        self.stacks[name].init(config)
        return self.stacks[name]

    def trust(self) -> dict[str, Any]:
        """The configuration of the stack with the roots."""
        config = {key: value for key, value in self._whole.items() if key != "helloWorld"}
        return {**config, "trust": {**config["trust"], "shared": True}, "clusters": {}}

    def member(self, name: str, peers: Iterable[str]) -> dict[str, Any]:
        """The configuration of a cluster's stack."""
        trust = {"stack": _full("trust"), "intermediate": self._whole["trust"]["intermediate"]}
        return {
            **self._whole,
            "trust": trust,
            "clusters": {name: self._cluster(name)},
            "peers": {peer: {"stack": _full(peer)} for peer in peers if peer != name},
        }

    def members(self, *names: str) -> None:
        """Say in each of these stacks, made if need be, that these are all clusters."""
        for name in names:
            if name in self.stacks:
                self.stacks[name].configure(self.member(name, names))
            else:
                self.add(name, self.member(name, names))

    def up(self, *names: str) -> str:
        """Update stacks side by side; gives all that they printed."""
        running = [
            (self.stacks[name], self.stacks[name].start("up", "--yes", "--skip-preview")) for name in names
        ]
        return "\n".join(stack.ended(process).stdout for stack, process in running)

    def verified(self, *names: str) -> None:
        """Every cluster of these stacks is answered by every other, and nothing is wrong between them."""
        stacks = (f"--stack={name}" for name in names)
        done = self.stacks[names[0]].command("verify", "--timeout=120", *stacks)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"all {len(names) ** 2} pairs passed" in done.stdout

    def _cluster(self, name: str) -> dict[str, str]:
        return {"kubeconfig": str(cluster.merged_kubeconfig()), "context": CONTEXTS[name]}


def _full(name: str) -> str:
    return f"organization/istio-mesh/{name}"


def _sees(kube: Kube) -> dict[str, set[str]]:
    """The remote secrets of a cluster, each with the names of the clusters in it."""
    found = kube.get("-n", "istio-system", "secrets", "-l", "istio/multiCluster=true")
    return {secret["metadata"]["name"]: set(secret.get("data") or {}) for secret in found["items"]}


def _resources(stack: Stack) -> dict[str, str]:
    """What the stack has declared, by URN without the stack's name: inputs, parent, provider, protection."""
    found: dict[str, str] = {}
    for resource in stack.state(show_secrets=True)["deployment"]["resources"]:
        if resource["type"].startswith(_OF_A_STACK):
            continue
        kept = {key: resource.get(key) for key in ("inputs", "parent", "provider", "protect")}
        if resource["type"].startswith(("tls:", "random:")):
            del kept["provider"]  # the stack's own default provider
        elif kept["provider"]:
            kept["provider"] = kept["provider"].rpartition("::")[0]  # the rest is this provider's own ID
        text = json.dumps(kept, sort_keys=True).replace('\\"', '"').replace("\\\\n", "\\n")
        nameless = text.replace(f"urn:pulumi:{stack.name}::", "urn:pulumi::")
        nameless = nameless.replace(f"::istio-mesh-{stack.name}", "::istio-mesh-")
        found[resource["urn"].split("::", 1)[1]] = _GENERATED.sub("…", nameless)
    return found


@pytest.fixture(scope="module")
def split(
    fresh_clusters: Callable[..., Any],
    new_stack: Callable[[str], Stack],
    sandbox_environment: Mapping[str, str],
) -> Iterator[SplitMesh]:
    """A project of its own, as a user's checkout is, and three clusters with nothing in them."""
    fresh_clusters(*CONTEXTS.values())
    project = new_stack("split").folder
    shutil.copytree(PROJECT / "mesh", project / "mesh", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__main__.py", "Pulumi.yaml"):
        shutil.copy(PROJECT / name, project)
    (project / ".venv").symlink_to(PROJECT / ".venv")
    yield SplitMesh(project, sandbox_environment)
    cluster.stop(list(CONTEXTS.values()))


@pytest.fixture(scope="module")
def one_stack(split: SplitMesh, new_stack: Callable[[str], Stack]) -> dict[str, str]:
    """What the same mesh is as one stack; it is gone from the clusters again."""
    stack = new_stack("whole")
    stack.init(split.whole())
    stack.up()
    resources = _resources(stack)
    stack.destroy()
    return resources


def test_two_clusters_in_three_stacks(
    split: SplitMesh, one_stack: Mapping[str, str], kube: Callable[[str], Kube]
) -> None:
    """The first updates run side by side and know nothing of each other; the second ones make the links."""
    split.add("trust", split.trust())
    split.up("trust")
    split.members("east", "west")
    first = split.up("east", "west")
    assert "has no cluster" in first
    assert "has no cluster" not in split.up("east", "west")
    for name, other in (("east", "west"), ("west", "east")):
        assert _sees(kube(CONTEXTS[name])) == {f"istio-remote-secret-{other}": {other}}
    split.verified("east", "west")


def test_a_third_cluster_is_a_fourth_stack(split: SplitMesh, kube: Callable[[str], Kube]) -> None:
    """It is named in the others' files; all are updated side by side, those others once more after it."""
    split.members(*NAMES)
    split.up(*NAMES)
    split.up("east", "west")
    for name in NAMES:
        others = {f"istio-remote-secret-{other}": {other} for other in NAMES if other != name}
        assert _sees(kube(CONTEXTS[name])) == others
    split.verified(*NAMES)
    for stack in split.stacks.values():
        assert stack.preview() == [], f"{stack.name} is not at rest"


def test_four_stacks_are_what_one_stack_is(split: SplitMesh, one_stack: Mapping[str, str]) -> None:
    """Resource by resource: the same inputs, parents, providers and protection."""
    parts = [_resources(stack) for stack in split.stacks.values()]
    assert len(one_stack) > 70, "this is not a mesh of three clusters"
    assert {urn for part in parts for urn in part} == set(one_stack)
    for urn, resource in one_stack.items():
        found = [part[urn] for part in parts if urn in part]
        assert set(found) == {resource}
        assert len(found) == 1 or urn.endswith(("::mesh", "::mesh-root")), urn


def test_no_key_and_no_token_leaves_the_state_in_plain(split: SplitMesh) -> None:
    """Neither in outputs, nor in the states, where the others' outputs are kept as they were read."""
    for name, stack in split.stacks.items():
        texts = [json.dumps(stack.state()), stack.pulumi("stack", "output", "--json").stdout]
        assert "[secret]" in texts[1]
        for text in texts:
            assert "PRIVATE KEY" not in text, name
            assert "eyJhbGciOi" not in text, name


def test_a_cluster_leaves_by_its_stack(split: SplitMesh, kube: Callable[[str], Kube]) -> None:
    """First nobody sees it any more, then it goes; the others answer as before."""
    rest = ("east", "north")
    split.members(*rest)
    split.up(*rest)
    for name, other in (("east", "north"), ("north", "east")):
        assert _sees(kube(CONTEXTS[name])) == {f"istio-remote-secret-{other}": {other}}
    split.stacks.pop("west").destroy()
    assert _sees(kube(CONTEXTS["west"])) == {}
    split.verified(*rest)
    for name in rest:
        assert split.stacks[name].preview() == [], f"{name} is not at rest"


def test_a_stack_two_phases_ahead_of_another_is_refused(split: SplitMesh) -> None:
    """East would sign with a root that north does not trust yet; that both roots are there does not help."""
    rotation = {"nextRoot": {"generation": 2, "key": "ecdsa-p256"}, "phase": "trust-both"}
    trust = split.trust()
    split.stacks["trust"].configure({**trust, "trust": {**trust["trust"], **rotation}})
    split.up("trust")
    config = split.member("east", ("east", "north"))
    rotation["nextRoot"] = {"generation": 2}
    split.stacks["east"].configure({**config, "trust": {**config["trust"], **rotation}})
    split.up("east")
    rotation["phase"] = "sign-with-new"
    split.stacks["east"].configure({**config, "trust": {**config["trust"], **rotation}})
    eventually(
        lambda: "still has the roots" not in split.stacks["east"].pulumi("preview", check=False).stdout,
        lambda: "istiod in east has not taken over both roots",
        seconds=_PROPAGATION_SECONDS,
    )
    refused = split.stacks["east"].pulumi("preview", check=False)
    assert refused.returncode != 0, "a stack that is two phases ahead was accepted"
    assert "this stack would sign with the root of generation 2" in refused.stdout
    assert f"{_full('north')} trusts 1 only" in refused.stdout
    assert "Traceback" not in refused.stdout + refused.stderr
