"""The documented way: what the scripts in `benchmarks/documented` are given, as the program decides it."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.mesh import plan, settings
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.istio import values
from mesh.load import load

SCRIPTS = Path(__file__).resolve().parents[1] / "documented"


class Documented:
    """One way by a script, on clusters that have nothing in them."""

    def __init__(
        self, way: str, folder: Path, config: dict[str, Any], environment: Mapping[str, str]
    ) -> None:
        """`folder` is for the script alone; what is in it goes."""
        self._script = SCRIPTS / f"{way}.sh"
        self._mesh = load(settings.sections(config)).valid()
        cluster = next(iter(self._mesh.clusters.values()))
        self.environment = {
            **environment,
            "FOLDER": str(folder),
            "CHARTS": cluster.istio.chart_repository,
            "VERSION": cluster.istio.version,
        }
        shutil.rmtree(folder, ignore_errors=True)
        for name, files in inputs(self._mesh, way).items():
            (folder / name).mkdir(parents=True)
            for file, text in files.items():
                (folder / name / file).write_text(text, encoding="utf-8")

    @property
    def command(self) -> Sequence[str]:
        """What builds the mesh."""
        return [str(self._script), *self._mesh.clusters]


def inputs(mesh: StackConfig, way: str) -> dict[str, dict[str, str]]:
    """What the scripts read, by cluster and file: what the program would give to Helm and Kubernetes.

    The serial way is the guide's, so its gateways keep the probe that Istio gives them.
    """

    def gateway(cluster: ClusterConfig) -> values.Values:
        given = values.gateway(cluster)
        return {k: v for k, v in given.items() if way != plan.SERIAL or k != "readinessProbe"}

    sample = (SCRIPTS / "sample.yaml").read_text(encoding="utf-8")
    return {
        name: {
            "istiod.yaml": yaml.safe_dump(values.istiod(cluster, mesh.mesh)),
            "gateway.yaml": yaml.safe_dump(gateway(cluster)),
            "sample.yaml": _filled(sample, _words(cluster)),
        }
        for name, cluster in mesh.clusters.items()
    }


def _words(cluster: ClusterConfig) -> Iterable[tuple[str, str]]:
    return (
        ("CLUSTER", cluster.name),
        ("SERVER_IMAGE", cluster.hello_world.image),
        ("CLIENT_IMAGE", cluster.hello_world.client_image),
    )


def _filled(text: str, words: Iterable[tuple[str, str]]) -> str:
    for word, value in words:
        text = text.replace(word, value)
    return text
