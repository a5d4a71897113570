"""A mesh as other programs declare it."""

from typing import Any

import pulumi

from mesh import mesh
from mesh.diagram.mermaid import diagram
from mesh.package.args import MeshArgs
from mesh.package.settings import Settings, of_arguments
from mesh.plan import outliving
from mesh.preflight import check
from mesh.pulumi_workaround import short_stack_traces
from mesh.secret_values import protected
from mesh.stacks import contract


class Mesh(mesh.Mesh):
    """An Istio mesh over the clusters that its arguments name: the sections of a stack file.

    Any argument can be an output. Its value must be known in a preview, except for kubeconfigs of clusters
    that the same program creates. The clusters themselves belong to the program.
    """

    def __init__(
        self, name: str, args: MeshArgs | Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Check the arguments and the clusters, then declare the mesh.

        Raises:
            pulumi.RunError: with one line for each problem, before anything is declared.
        """
        settings = args if isinstance(args, Settings) else of_arguments(name, args)
        self._settings = settings.config
        observed = check.preflight(settings.config, prefix=settings.prefix, mesh=settings.component)
        with short_stack_traces():
            super().__init__(
                name,
                settings.config,
                observed.certificates,
                observed.revocation_lists,
                observed.kept,
                observed.recorded,
                observed.labelled,
                observed.nodes,
                observed.gateway_api,
                settings.kubeconfigs,
                opts,
            )

    @property
    def outputs(self) -> dict[str, Any]:
        """Facts about the mesh, under the names of a stack's outputs."""
        config = self._settings
        return {
            "meshId": protected(config.mesh.id, config.secrets),
            "clusters": protected(self.describe(), config.secrets),
            "rootFingerprint": self.root_fingerprint,
            "firstExpiry": self.first_expiry,
            "diagram": protected(diagram(config), config.secrets),
            **({"failover": protected(outliving(config), config.secrets)} if config.failover else {}),
            **({contract.OUTPUT: self.contract()} if config.split else {}),
        }
