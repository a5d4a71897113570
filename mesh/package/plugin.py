"""The mesh as a Pulumi plugin, which makes it a component for programs in every language."""

import json
import sys
from typing import Any

import pulumi
from pulumi.errors import InputPropertiesError
from pulumi.provider import ConstructResult, Provider, main

from mesh.package import schema
from mesh.package.component import Mesh
from mesh.stacks.state import MESH


class Package(Provider):
    """Answers the engine: gives the schema, and declares a mesh."""

    def __init__(self) -> None:
        super().__init__(schema.VERSION, json.dumps(schema.package()))

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: pulumi.Inputs,
        options: pulumi.ResourceOptions | None = None,
    ) -> ConstructResult:
        """Declare a mesh.

        Raises:
            InputPropertiesError: with one line for each problem; the engine shows it without a traceback.
        """
        if resource_type != MESH:
            raise InputPropertiesError(f"the package has no {resource_type}; expected {MESH}", [])
        arguments: Any = inputs
        try:
            mesh = Mesh(name, arguments, options)
        except pulumi.RunError as error:
            raise InputPropertiesError(str(error), []) from error
        return ConstructResult(mesh.urn, mesh.outputs)


def serve() -> None:
    """Serve the engine, whose address is the process's argument, until it ends this process."""
    main(Package(), sys.argv[1:])
