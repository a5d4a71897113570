"""The checks before an update: the stack's encryption, and what is in the clusters.

It changes nothing, and it does not check the configuration by itself: `mesh.load` has done that.
"""

from datetime import UTC, datetime

import pulumi

from mesh.config.problems import Problem, summary
from mesh.config.resolved import StackConfig
from mesh.live import istio_system
from mesh.preflight import access, encryption, ownership, transitions


def preflight(config: StackConfig) -> None:
    """Refuse an update of the clusters as they are.

    A cluster that gives no answer stops only the steps of a root rotation; one that refuses stops everything.

    Raises:
        pulumi.RunError: with one line for each problem; Pulumi shows it without a traceback.
    """
    clusters = istio_system.read_clusters(config)
    open_to_us = {name: observed for name, observed in clusters.items() if not observed.refused}
    members = ownership.members(config, open_to_us)
    prefix = f"{pulumi.get_project()}:"
    found = [
        *access.problems(clusters),
        *ownership.problems(config, clusters),
        *transitions.problems(config, members, datetime.now(UTC)),
    ]
    groups = {
        "the stack": list(
            encryption.problems(encryption.settings(encryption.stack_file(pulumi.get_stack())))
        ),
        "the clusters": [Problem(path=prefix + p.path, message=p.message) for p in dict.fromkeys(found)],
    }
    if refusals := [summary(problems, where) for where, problems in groups.items() if problems]:
        raise pulumi.RunError("\n".join(refusals))
