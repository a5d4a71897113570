"""What must hold in a mesh that is split over stacks."""

from collections.abc import Iterator
from datetime import datetime

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig


def problems(config: StackConfig, _now: datetime) -> Iterator[Problem]:
    """All problems of what this stack gives to other stacks, and of what it reads from them."""
    trust = config.trust
    if trust.stack is not None:
        if trust.shared:
            yield Problem(
                path="trust.shared",
                message=f"this stack reads the roots from {trust.stack} (trust.stack), so it has none to "
                "share; expected trust.shared or trust.stack, not both",
            )
        for path, root in (("trust.root", trust.root), ("trust.nextRoot", trust.next_root)):
            if root is not None and root.certificate is None and "key" in root.model_fields_set:
                yield Problem(
                    path=f"{path}.key",
                    message=f"is set in {trust.stack}, which makes the roots; expected it there only",
                )
    for name in config.peers:
        if config.sets(f"clusters.{name}"):
            yield Problem(
                path=f"peers.{name}",
                message=f"{name} is in clusters too; expected it in peers if another stack manages it, and "
                "in clusters if this one does",
            )
