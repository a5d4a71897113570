"""An Istio mesh over the clusters of this stack."""

import pulumi

from mesh.package import Mesh
from mesh.package.settings import of_stack
from mesh.pulumi_workaround import wait_for_each_once, without_debug_messages

without_debug_messages()
mesh = Mesh("mesh", of_stack(pulumi.get_project()))
for name, value in mesh.outputs.items():
    pulumi.export(name, value)
wait_for_each_once()
