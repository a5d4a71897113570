"""The mesh as a component of other Pulumi programs: in Python by import, in other languages by a plugin.

Python programs import from here: `Mesh`, and `MeshArgs` for its arguments.
"""

from mesh.package.args import MeshArgs
from mesh.package.component import Mesh

__all__ = ["Mesh", "MeshArgs"]
