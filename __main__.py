"""An Istio mesh over the clusters of this stack."""

import pulumi

from mesh import preflight, shared, topology
from mesh.config.load import from_stack
from mesh.mesh import Mesh
from mesh.waiting import wait_for_each_once

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
