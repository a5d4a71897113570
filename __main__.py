"""An Istio mesh over the clusters of this stack."""

import gc

# Nearly all that the program makes is needed until it ends. To look for the rest takes a fifth of its
# time, a quarter of a second of it in the imports below.
gc.disable()

import pulumi  # noqa: E402 - see above

from mesh.package import Mesh  # noqa: E402
from mesh.package.settings import of_stack  # noqa: E402
from mesh.pulumi_workaround import wait_for_each_once, without_debug_messages  # noqa: E402

without_debug_messages()
mesh = Mesh("mesh", of_stack(pulumi.get_project()))
for name, value in mesh.outputs.items():
    pulumi.export(name, value)
wait_for_each_once()
