"""What must hold in a mesh that is split over stacks."""

from collections.abc import Iterable, Iterator, Mapping

from mesh.config.problems import Problem
from mesh.config.schema import TrustSection


def problems(trust: TrustSection, clusters: Iterable[str], peers: Mapping[str, str]) -> Iterator[Problem]:
    """All problems of what this stack shares with others, and takes from them."""
    if trust.stack is not None:
        if trust.shared:
            yield Problem(
                path="trust.shared",
                message="a stack shares the roots that it makes itself, and trust.stack takes them from "
                "another; leave one of them out",
            )
        for path, root in (("trust.root", trust.root), ("trust.nextRoot", trust.next_root)):
            if root is not None and root.certificate is None and "key" in root.model_fields_set:
                yield Problem(
                    path=f"{path}.key", message=f"is decided in {trust.stack}; expected it there only"
                )
    for name in clusters:
        if name in peers:
            yield Problem(
                path=f"peers.{name}",
                message=f"{name} is one of this stack's own clusters; expected it either here or there",
            )
