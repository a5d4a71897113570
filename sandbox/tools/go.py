"""The Go command: building a tool from its module, and finding a module's folder.

The modules in `modules/<group>` are pinned with their checksums (`go.sum`) and built read-only, so a
build gives the same program everywhere. Go itself comes from the machine.
"""

import functools
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.tools.catalogue import GoBuild, PulumiSchema

MODULES = Path(__file__).parent / "modules"

_REQUIREMENT = (
    "Go is needed to build what cannot be downloaded: the version in the `go` line of {module}/go.mod, or "
    "newer. Install it (https://go.dev/dl/, or `apt-get install golang`) and put its folder on PATH."
)


def build(spec: GoBuild, target: Path) -> None:
    """Build the package into `target`; a `SandboxError` with the end of Go's own words if that fails."""
    module = MODULES / spec.group
    values = " ".join(f"-X {name}={value}" for name, value in spec.variables)
    options = ["-mod=readonly", "-trimpath", "-ldflags", f"-s -w {values}".strip()]
    if spec.tags:
        options.append(f"-tags={','.join(spec.tags)}")
    with tempfile.TemporaryDirectory() as folder:
        if spec.schema:
            options.append(f"-overlay={_with_schema(spec, spec.schema, Path(folder))}")
        _go(module, "build", *options, "-o", str(target), spec.package)


def _with_schema(spec: GoBuild, schema: PulumiSchema, folder: Path) -> Path:
    """Have the build find the schema in `modules/<group>`, where it is not: it has megabytes."""
    content = json.loads((module_dir(spec.group, schema.module) / schema.path).read_text(encoding="utf-8"))
    versioned = folder / "schema.json"
    versioned.write_text(json.dumps({**content, "version": schema.version}), encoding="utf-8")
    overlay = folder / "overlay.json"
    embedded = MODULES / spec.group / versioned.name
    overlay.write_text(json.dumps({"Replace": {str(embedded): str(versioned)}}), encoding="utf-8")
    return overlay


def build_tests(group: str, package: str, tag: str, target: Path) -> None:
    """Build the tests of a package of `modules/<group>`, those with a build tag too, into one binary."""
    flags = ("-mod=readonly", "-trimpath", "-vet=off", f"-tags={tag}", "-ldflags", "-s -w")
    _go(MODULES / group, "test", "-c", *flags, "-o", str(target), package)


def tool(group: str, name: str) -> Path:
    """Return the path of a tool that comes with the Go of a group, such as `test2json`, built if need be."""
    return Path(_go(MODULES / group, "tool", "-n", name).strip())


def fetch_modules(group: str) -> None:
    """Fetch the modules of `modules/<group>` without building anything."""
    _go(MODULES / group, "mod", "download")


def build_program(source: Path, target: Path) -> None:
    """Build a program of ours, of which `source` is the module, into `target`."""
    _go(source, "build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", str(target), ".")


@functools.cache
def module_dir(group: str, module: str) -> Path:
    """Return the source folder of `module` at the version that `modules/<group>` pins, fetched if need be."""
    out = _go(MODULES / group, "mod", "download", "-json", module)
    return Path(json.loads(out)["Dir"])


def _go(folder: Path, *args: str) -> str:
    command = shutil.which("go")
    if command is None:
        raise SandboxError(f"`go` is not on PATH. {_REQUIREMENT.format(module=folder)}")
    done = _run(command, folder, *args)
    if done.returncode == 0:
        return done.stdout
    module = _run(command, folder, "list", "-m")
    if module.returncode != 0:  # an older Go refuses the folder's go.mod and says which one it wants
        raise SandboxError(f"{module.stderr.strip()}. {_REQUIREMENT.format(module=folder)}")
    tail = "\n".join(done.stderr.strip().splitlines()[-15:])
    raise SandboxError(f"`go {args[0]}` failed in {folder}:\n{tail}")


def _run(command: str, folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOWORK": "off"}
    return subprocess.run(
        [command, *args], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
