"""A mesh of this program that Istio's tests run against, and how it is mended after them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from sandbox import cluster
from sandbox.cluster import Surroundings
from sandbox.images import istio_tests
from tests.e2e.faults import SYSTEM, passes, patch
from tests.e2e.kube import Kube, eventually
from tests.e2e.stack import Stack, mesh_config
from tests.istio import suite

INGRESS = "istio-ingressgateway"
"""The gateway that some of Istio's tests come in by."""

_COME_AND_GO = {"Pod", "ReplicaSet", "Endpoints", "EndpointSlice", "Lease", "ControllerRevision"}
"""Kinds of objects that controllers make and remove all the time."""

_ISTIOD_VALUES: Mapping[str, Any] = {
    "env": {
        "ENABLE_EXTERNAL_NAME_ALIAS": "true",
        "UNSAFE_ENABLE_ADMIN_ENDPOINTS": "true",
        "PILOT_REMOTE_CLUSTER_TIMEOUT": "15s",
        "PILOT_ENABLE_ALPHA_GATEWAY_API": "true",
        "PILOT_JWT_ENABLE_REMOTE_JWKS": "true",
        "PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS": "true",
    },
    "meshConfig": {
        "defaultHttpRetryPolicy": {},
        "accessLogFile": "/dev/stdout",
        "defaultConfig": {"proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "true"}},
    },
    "keepaliveMaxServerConnectionAge": "120s",
}
"""What Istio's suites deploy istiod with: `tests/integration/base.yaml` and each suite's `main_test.go`."""

_MOST_TRIED_AGAIN = 2
"""Of the tests that a run was to have."""
_USUAL: Mapping[str, Any] = MappingProxyType({})


def config(
    contexts: Mapping[str, str], kubeconfig: Path, settings: Mapping[str, Mapping[str, Any]] = _USUAL
) -> dict[str, Any]:
    """The stack's configuration for clusters of the tests' sandbox, given as contexts by name.

    `settings` are further ones of a cluster in the stack file, by its name.
    """
    config = mesh_config(tuple(contexts), kubeconfig)
    for name, context in contexts.items():
        config["clusters"][name] |= {"context": context, **settings.get(name, {})}
    istiod = config["istio"]["values"]["istiod"]
    for key, value in _ISTIOD_VALUES.items():
        istiod[key] = {**istiod.get(key, {}), **value} if isinstance(value, Mapping) else value
    return config


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What is in a cluster: its objects as `Kube.objects` names them, and the mesh's configuration."""

    objects: frozenset[str]
    mesh_config: Mapping[str, str]


class IstioMesh:
    """The mesh over some clusters, with what was in them before the first of Istio's tests."""

    def __init__(
        self,
        stack: Stack,
        kubes: Mapping[str, Kube],
        clusters: Mapping[str, cluster.Cluster],
        report: Callable[[suite.Result], None],
    ) -> None:
        """`kubes` and `clusters` are by the clusters' names in the mesh; `report` gets every result."""
        self.stack = stack
        self.kubes = kubes
        self._clusters = clusters
        self._report = report
        self._before: dict[str, Contents] = {}
        self.remember()

    def remember(self) -> None:
        """Take what is in the clusters now for what belongs there."""
        self._before = {name: contents(kube) for name, kube in self.kubes.items()}

    def load_images(self, names: Iterable[str]) -> None:
        """Import images that Istio's tests deploy into all clusters."""
        tars = istio_tests.ensure(names)
        cluster.add_images(tars, [one.layout.name for one in self._clusters.values()])

    def run(self, name: str, tests: Iterable[str], *, minutes: int) -> suite.Result:
        """Run tests of one of Istio's suites, given by their full names.

        One or two that fail get a second try, and the summary has both: Istio's developers know some to fail
        at times, and run their own jobs again (for example issue 26798 of istio/istio). More than that have
        a cause in the mesh.
        """
        names = tuple(tests)
        first = self._run(name, names, folder=self.stack.folder / name, minutes=minutes)
        failed = [test for test in names if first.failed(test)]
        if not 0 < len(failed) <= _MOST_TRIED_AGAIN:
            return first
        self.mend()
        # The mesh is to be left as by the first run.
        again = [test for test in names if test in (*failed, suite.DELETES_EXPOSURE)]
        return first.then(self._run(name, again, folder=self.stack.folder / f"{name}-again", minutes=minutes))

    def _run(self, name: str, tests: Iterable[str], *, folder: Path, minutes: int) -> suite.Result:
        environment = self.stack.environment
        found = suite.run(
            name, tests, self._places(), folder=folder, environment=environment, minutes=minutes
        )
        self._report(found)
        return found

    def _places(self) -> dict[str, suite.Place]:
        """The clusters, with networks and roles from the stack file or the program's defaults."""
        settings = self.stack.config()["clusters"]
        return {
            name: suite.Place(
                kubeconfig=one.layout.kubeconfig,
                network=settings[name].get("network", f"net-{name}"),
                primary=settings[name].get("controlPlane", name),
            )
            for name, one in self._clusters.items()
        }

    def restart_istiod(self) -> None:
        """Have a new istiod in every cluster."""
        for kube in self.kubes.values():
            kube.kubectl("rollout", "restart", "deployment/istiod", f"--namespace={SYSTEM}")
        for kube in self.kubes.values():
            wait = "--timeout=120s"
            kube.kubectl("rollout", "status", "deployment/istiod", f"--namespace={SYSTEM}", wait)

    def deleted(self) -> dict[str, set[str]]:
        """What belongs in each cluster, and is not there now."""
        return {n: set(self._before[n].objects - contents(kube).objects) for n, kube in self.kubes.items()}

    def mend(self) -> None:
        """Remove what the tests have left, and have `pulumi up --refresh` bring back what they deleted.

        Raises:
            AssertionError: the mesh is not what it was: an object is missing or too many, Pulumi would change
                something, or a call between clusters fails.
        """
        for name, kube in self.kubes.items():
            _remove_leftovers(kube, self._before[name])
        self.stack.up("--refresh")
        for name, kube in self.kubes.items():
            _assert_unchanged(kube, self._before[name])
        assert self.stack.preview() == []
        passes(self.stack)


class BuildMesh(Protocol):
    """Builds a mesh over clusters of the tests' sandbox."""

    def __call__(
        self,
        stack_name: str,
        contexts: Mapping[str, str],
        settings: Mapping[str, Mapping[str, Any]] = ...,
        around: Mapping[str, Surroundings] = ...,
    ) -> IstioMesh:
        """Return the mesh; everything but the stack's name is by the clusters' names in it."""
        ...


def contents(kube: Kube) -> Contents:
    """What is in a cluster now, without what comes and goes."""
    lasting = (item for item in kube.objects() if item.split()[1] not in _COME_AND_GO)
    return Contents(objects=frozenset(lasting), mesh_config=_mesh_config(kube))


def _assert_unchanged(kube: Kube, before: Contents) -> None:
    def difference() -> set[str]:
        return set(contents(kube).objects ^ before.objects)

    eventually(lambda: not difference(), difference)
    assert _mesh_config(kube) == before.mesh_config


def _mesh_config(kube: Kube) -> Mapping[str, str]:
    return kube.get("configmap", "istio", f"--namespace={SYSTEM}")["data"]


def _remove_leftovers(kube: Kube, before: Contents) -> None:
    """Delete what has come since; Helm and Pulumi do not see a changed mesh configuration, so put it back."""
    if _mesh_config(kube) != before.mesh_config:
        patch(kube, "configmap", "istio", {"data": dict(before.mesh_config)})
    for first in ("Namespace", "CustomResourceDefinition", ""):  # much goes with these
        for item in sorted(contents(kube).objects - before.objects):
            group, kind, place = item.split()
            namespace, _, name = place.partition("/")
            resource = kind if group == "v1" else f"{kind}.{group}"
            where = [] if namespace == "<none>" else [f"--namespace={namespace}"]
            if kind == first or not first:
                kube.kubectl("delete", resource.lower(), name, *where, "--ignore-not-found")
