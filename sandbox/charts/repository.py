"""Packages the charts and indexes them: `<cache>/charts/<key of its inputs>/`."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from sandbox import cache, paths, tools, versions
from sandbox.charts import upstream_envoy
from sandbox.errors import SandboxError
from sandbox.tools.catalogue import EARLIER_ISTIO

_CHARTS = {
    "base": "base",
    "istiod": "istio-control/istio-discovery",
    "gateway": "gateway",
    "cni": "istio-cni",
    "ztunnel": "ztunnel",
}
"""The folder of each chart below `manifests/charts` of istio/istio."""

_GROUPS = {
    versions.ISTIO: "istio",
    versions.ISTIO_NEXT: "istio",
    versions.ISTIO_EARLIER: EARLIER_ISTIO,
}
"""The Go modules that pin the Istio of each version."""

_RELEASE_HUB = "registry.istio.io/release"


def ensure(*, say: Callable[[str], None] = print) -> Path:
    """Return the folder of the Helm repository, made where it is missing. Its index has relative URLs.

    Raises `SandboxError` if helm or the module cannot be had, or if helm refuses a chart.
    """
    home = paths.cache_dir() / "charts"
    pins = (*_GROUPS, versions.ISTIO_MODULE, versions.ISTIO_EARLIER_MODULE, versions.HELM)
    entry = home / cache.key([Path(__file__).read_bytes(), upstream_envoy.template(), *pins])
    with cache.locked(home):
        if not entry.exists():
            cache.publish(entry, _make)
            say(f"charts {', '.join(_CHARTS)}: packaged as {', '.join(_GROUPS)}")
    return entry


def released(values: str, version: str) -> str:
    """Return a chart's values.yaml with the hub and tag that a release has in place of those of a test build.

    Istio's release builder does so when it packages them (istio/release-builder, `pkg/build/helm.go`).
    """
    values = re.sub(
        r"^(\s*hub:) registry\.istio\.io/testing$", rf"\1 {_RELEASE_HUB}", values, flags=re.MULTILINE
    )
    return re.sub(r"^(\s*tag:) latest$", rf"\1 {version}", values, flags=re.MULTILINE)


def _make(stage: Path) -> None:
    helm = tools.ensure(["helm"])["helm"]
    work = stage / ".work"
    for version, group in _GROUPS.items():
        source = tools.module_dir(group, "istio.io/istio") / "manifests" / "charts"
        for folder in _CHARTS.values():
            chart = work / version / folder
            # The module cache is read-only; copies of its folders must not be.
            shutil.copytree(source / folder, chart, copy_function=shutil.copyfile)
            for path in (chart, *chart.rglob("*")):
                path.chmod(0o755 if path.is_dir() else 0o644)
            if folder == _CHARTS["istiod"] and group != EARLIER_ISTIO:
                (chart / "templates" / "upstream-envoy.yaml").write_text(upstream_envoy.template())
            values = chart / "values.yaml"
            values.write_text(released(values.read_text(), version))
            _helm(
                helm, "package", chart, "--version", version, "--app-version", version, "--destination", stage
            )
    shutil.rmtree(work)
    _helm(helm, "repo", "index", stage)


def _helm(helm: Path, *args: str | Path) -> None:
    done = subprocess.run([helm, *args], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SandboxError(f"`helm {args[0]}` refused {args[1]}: {done.stderr.strip()}")
