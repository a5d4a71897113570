"""Renews `modules/<group>/go.mod` and `go.sum` from `sandbox/versions.py`: `python -m sandbox.tools.modules`.

Generated and committed, so that a build resolves nothing and every module is checked against `go.sum`.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

from sandbox import versions
from sandbox.tools import istio_tests
from sandbox.tools.catalogue import EARLIER_ISTIO, catalogue
from sandbox.tools.go import MODULES

SOURCE_ONLY = "prometheus-operator"
"""A group from which nothing is built: tidying would take its module out."""

ROOTS = {
    "kubernetes": ("k8s.io/kubernetes", f"v{versions.KUBERNETES}"),
    "helm": ("helm.sh/helm/v3", f"v{versions.HELM}"),
    "pulumi": ("github.com/pulumi/pulumi/pkg/v3", f"v{versions.PULUMI}"),
    "pulumi-kubernetes": (
        "github.com/pulumi/pulumi-kubernetes/provider/v4",
        versions.PULUMI_KUBERNETES_MODULE,
    ),
    "pulumi-yaml": ("github.com/pulumi/pulumi-yaml", f"v{versions.PULUMI_YAML}"),
    "coredns": ("github.com/coredns/coredns", f"v{versions.COREDNS}"),
    "prometheus": ("github.com/prometheus/prometheus", versions.PROMETHEUS_MODULE),
    SOURCE_ONLY: ("github.com/prometheus-operator/prometheus-operator", versions.PROMETHEUS_OPERATOR),
    "istio-api": ("istio.io/api", versions.ISTIO_API),
    "istio": ("istio.io/istio", versions.ISTIO_MODULE),
    EARLIER_ISTIO: ("istio.io/istio", versions.ISTIO_EARLIER_MODULE),
    istio_tests.GROUP: ("istio.io/istio", versions.ISTIO_MODULE),
}
"""The module of each group and its version."""


def packages(group: str) -> list[str]:
    """The Go packages that are built from a group."""
    if group == istio_tests.GROUP:
        return istio_tests.packages()
    return [tool.go.package for tool in catalogue("amd64").values() if tool.go and tool.go.group == group]


def render(group: str, go_version: str, staging: list[str]) -> str:
    """Return the untidied go.mod of a group: its module, what to build, the staging modules' versions."""
    module, version = ROOTS[group]
    staged = "v0." + versions.KUBERNETES.split(".", 1)[1]
    lines = [f"module tools/{group}", f"go {go_version}", f"require {module} {version}"]
    if needed := packages(group):  # else the folder has a main package, whose imports are what to build
        lines += ["tool (", *needed, ")"]
    lines += ["replace (", *(f"{name} => {name} {staged}" for name in staging), ")"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write and tidy every group."""
    for group, (module, version) in ROOTS.items():
        folder = MODULES / group
        folder.mkdir(parents=True, exist_ok=True)
        found = json.loads(_output(["go", "mod", "download", "-json", f"{module}@{version}"], folder.parent))
        text = Path(found["GoMod"]).read_text()
        # Kubernetes refers to its own staging folders, which a consumer has to replace with releases.
        staging = re.findall(r"^\s*(?:replace\s+)?(k8s\.io/\S+) => \./staging/", text, re.MULTILINE)
        (go_version,) = re.findall(r"^go (\S+)$", text, re.MULTILINE)
        # The module's own sums come first: the checksum database lacks some commits that it needs.
        shutil.copyfile(Path(found["Dir"]) / "go.sum", folder / "go.sum")
        (folder / "go.mod").write_text(render(group, go_version, staging))
        if group == SOURCE_ONLY:
            sums = ((version, found["Sum"]), (f"{version}/go.mod", found["GoModSum"]))
            (folder / "go.sum").write_text("".join(f"{module} {what} {digest}\n" for what, digest in sums))
            _output(["go", "mod", "edit", "-fmt"], folder)
        else:
            _output(["go", "mod", "tidy"], folder)
        print(f"{group}: {module} {version}, go {go_version}")


def _output(command: list[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
