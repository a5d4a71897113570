"""What a shell needs to use the sandbox: tools and plugins on the path, the clusters, Pulumi's state."""

import os
import secrets
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from sandbox.cluster import clusters, supplies
from sandbox.cluster.files import write_private
from sandbox.paths import state_dir

STACK = "dev"


def variables() -> dict[str, str]:
    """Return the variables by name; Pulumi's state folder and passphrase are made where they are missing.

    The state is in a folder and the stack's settings are beside it, so that a checkout stays clean.
    """
    state = state_dir()
    (state / "pulumi").mkdir(parents=True, exist_ok=True, mode=0o700)
    return {
        "PATH": _path(os.environ.get("PATH", os.defpath)),
        "KUBECONFIG": str(clusters.merged_kubeconfig()),
        "PULUMI_BACKEND_URL": backend_url(state / "pulumi"),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(_passphrase(state)),
        "PULUMI_OPTION_CONFIG_FILE": str(state / f"Pulumi.{STACK}.yaml"),
        "PULUMI_STACK": STACK,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_PYTHON_CMD": sys.executable,
    }


def backend_url(folder: Path) -> str:
    """Return the URL by which Pulumi keeps its state in a folder.

    Beside each file Pulumi would write another one with attributes, and not in one go: a CLI that is killed
    at that moment would leave a state that cannot be loaded (`blob/fileblob` in google/go-cloud).
    """
    return f"file://{folder}?metadata=skip"


def exports(values: Mapping[str, str]) -> list[str]:
    """Return the variables as lines for a POSIX shell. Pure."""
    return [f"export {name}={shlex.quote(value)}" for name, value in values.items()]


def forget() -> None:
    """Remove Pulumi's state, the stack's settings and the passphrase."""
    state = state_dir()
    for path in (*state.glob("pulumi*"), *state.glob("Pulumi.*.yaml"), state / "passphrase"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _path(path: str) -> str:
    """Put the sandbox's tools first, once."""
    own = str(supplies.bin_dir())
    return os.pathsep.join([own, *(folder for folder in path.split(os.pathsep) if folder != own)])


def _passphrase(state: Path) -> Path:
    file = state / "passphrase"
    if not file.exists():
        write_private(file, secrets.token_urlsafe(32) + "\n")
    return file
