"""An Istio mesh over the clusters of this stack."""

import pulumi

from mesh.diagram.mermaid import diagram
from mesh.load import from_stack
from mesh.mesh import Mesh
from mesh.plan import outliving
from mesh.preflight import check
from mesh.pulumi_workaround import wait_for_each_once
from mesh.secret_values import protected
from mesh.stacks import contract

config = from_stack(pulumi.get_project())
observed = check.preflight(config)
mesh = Mesh(
    "mesh",
    config,
    observed.certificates,
    observed.revocation_lists,
    observed.kept,
    observed.recorded,
    observed.labelled,
    observed.nodes,
    observed.gateway_api,
)

pulumi.export("meshId", protected(config.mesh.id, config.secrets))
pulumi.export("clusters", protected(mesh.describe(), config.secrets))
pulumi.export("rootFingerprint", mesh.root_fingerprint)
pulumi.export("firstExpiry", mesh.first_expiry)
pulumi.export("diagram", protected(diagram(config), config.secrets))
if config.failover:
    pulumi.export("failover", protected(outliving(config), config.secrets))
if config.split:
    pulumi.export(contract.OUTPUT, mesh.contract())
wait_for_each_once()
