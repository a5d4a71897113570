"""An Istio mesh over the clusters of this stack."""

import pulumi

from mesh import topology
from mesh.load import from_stack
from mesh.mesh import Mesh
from mesh.preflight import check as preflight
from mesh.pulumi_workaround import wait_for_each_once
from mesh.stacks import contract as shared

config = from_stack(pulumi.get_project())
preflight.check(config)
mesh = Mesh("mesh", config)

pulumi.export("meshId", config.mesh.id)
pulumi.export("clusters", mesh.describe())
pulumi.export("rootFingerprint", mesh.root_fingerprint)
pulumi.export("firstExpiry", mesh.first_expiry)
pulumi.export("picture", topology.picture(config))
if config.split:
    pulumi.export(shared.OUTPUT, mesh.shared())
wait_for_each_once()
