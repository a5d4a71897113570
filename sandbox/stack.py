"""The stack `dev` on this machine: `Pulumi.dev.yaml`, completed with what differs from machine to machine.

The working copy is in the sandbox's folder, where `PULUMI_OPTION_CONFIG_FILE` points, so that the file in
the checkout stays as it is: the address of the chart repository and the salt of the state's encryption are
this machine's own. A mesh with ambient clusters gets what these need here, too.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sandbox import cluster
from sandbox.cluster import environment
from sandbox.cluster.files import write_private
from sandbox.errors import SandboxError
from sandbox.paths import CHECKOUT

_ISTIO = "istio-mesh:istio"
_CLUSTERS = "istio-mesh:clusters"
_DATA_PLANE = "istio-mesh:dataPlane"
_GATEWAY_API = "istio-mesh:gatewayApi"
_SALT = "encryptionsalt"

_IMAGES = {"hub": "localhost/istio", "imagePullPolicy": "Never", "variant": ""}


def _small() -> Mapping[str, Any]:
    """Resources; not one object, which YAML would write as an anchor."""
    return {"requests": {"cpu": "10m", "memory": "40Mi"}}


AMBIENT_VALUES: Mapping[str, Any] = {
    "istiod": {"global": {"variant": "", "waypoint": {"resources": _small()}}},
    "cni": {"global": _IMAGES, "resources": _small()},
    "ztunnel": {**_IMAGES, "resources": _small()},
}
"""By chart, what ambient clusters of the sandbox need beside the values of `Pulumi.dev.yaml`.

Its images have no variants, which the ambient profile asks for. East-west gateways, which istiod makes of a
Gateway, take the resources of waypoints.
"""


def prepare(source: Path = CHECKOUT / "Pulumi.dev.yaml") -> None:
    """Start the sandbox's clusters that a stack file names, write its working copy, make the stack.

    Raises:
        SandboxError: the file cannot be used, or a cluster does not start.
    """
    document = _read(source)
    cluster.start(sandbox_contexts(document))
    variables = environment.variables()
    target = Path(variables["PULUMI_OPTION_CONFIG_FILE"])
    before = _read(target) if target.exists() else {}
    completed = complete(document, before, cluster.chart_repository(), cluster.gateway_api_manifest())
    write_private(target, f"# Made from {source.name} by `python -m sandbox stack`.\n" + _dump(completed))
    make(variables)


def sandbox_contexts(document: Mapping[str, Any]) -> list[str]:
    """The contexts of those clusters in a stack file whose kubeconfig is the sandbox's own."""
    clusters = document.get("config", {}).get(_CLUSTERS) or {}
    return [c["context"] for c in clusters.values() if str(c.get("kubeconfig", "")).startswith(".sandbox/")]


def complete(
    document: Mapping[str, Any], before: Mapping[str, Any], repository: str, gateway_api: Path
) -> dict[str, Any]:
    """The stack file with this machine's chart repository, and the salt of the working copy before it.

    With ambient clusters, it has the manifest of the Gateway API and the values for these, too. What the file
    says goes first.
    """
    config = dict(document.get("config", {}))
    istio = {"chartRepository": repository, **config.get(_ISTIO, {})}
    if _has_ambient(config):
        istio = with_ambient_values(istio)
        config[_GATEWAY_API] = {"manifest": str(gateway_api), **config.get(_GATEWAY_API, {})}
    config[_ISTIO] = istio
    salt = {_SALT: before[_SALT]} if _SALT in before else {}
    return {**salt, **document, "config": config}


def with_ambient_values(istio: Mapping[str, Any]) -> dict[str, Any]:
    """The section `istio` of a stack file with the values that ambient clusters need; its own go first."""
    return {**istio, "values": _merged(AMBIENT_VALUES, istio.get("values", {}))}


def _merged(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**defaults, **own}
    for key in defaults.keys() & own.keys():
        if isinstance(defaults[key], Mapping) and isinstance(own[key], Mapping):
            merged[key] = _merged(defaults[key], own[key])
    return merged


def _has_ambient(config: Mapping[str, Any]) -> bool:
    clusters = (config.get(_CLUSTERS) or {}).values()
    planes = [config.get(_DATA_PLANE), *(entry.get("dataPlane") for entry in clusters)]
    return not {"ambient", "both"}.isdisjoint(planes)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise SandboxError(f"{path}: expected a stack file such as Pulumi.dev.yaml; {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("config", {}), dict):
        raise SandboxError(f"{path}: expected a stack file: a map with the key config")
    return document


def _dump(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(document), sort_keys=False, width=110)


def make(variables: Mapping[str, str]) -> None:
    """Make the stack `PULUMI_STACK` of an environment in Pulumi's state, if it is not there.

    `pulumi stack init` writes a salt beside the project it is run in, whatever the options say: it is run
    in a copy.

    Raises:
        SandboxError: Pulumi refuses, with its words.
    """
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(CHECKOUT / "Pulumi.yaml", folder)
        done = subprocess.run(
            ["pulumi", "stack", "init", variables["PULUMI_STACK"], "--no-select", "--non-interactive"],
            cwd=folder,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode and "already exists" not in done.stderr:
        raise SandboxError(f"pulumi stack init failed: {done.stderr.strip()}")
