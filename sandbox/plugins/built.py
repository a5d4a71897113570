"""The kubernetes provider, built from Pulumi's Go module."""

from pathlib import Path

from sandbox import paths
from sandbox.tools.catalogue import kubernetes_plugin
from sandbox.tools.supply import supply

NAME = "resource-kubernetes"


def put(file: Path) -> str:
    """Make `file` a link to the provider in the cache, built if need be, and return the provider's version.

    Raises:
        SandboxError: it cannot be built.
    """
    tool = kubernetes_plugin()
    binary = supply([tool], say=print)[tool.name]
    file.parent.mkdir(parents=True, exist_ok=True)
    if not is_built(file) or file.readlink() != binary:
        file.unlink(missing_ok=True)
        file.symlink_to(binary)
    return tool.version


def is_built(file: Path) -> bool:
    """Whether the file is a link into the cache, of this checkout or of another."""
    return file.is_symlink() and file.readlink().is_relative_to(paths.cache_dir())
