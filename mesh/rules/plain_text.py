"""Private keys and credentials that stand in the stack file in plain text."""

from collections.abc import Iterator, Mapping, Set

from mesh.config.problems import Problem
from mesh.mappings import leaves


def problems(raw: Mapping[str, object], secret: Set[str]) -> Iterator[Problem]:
    """A problem for each private key, or kubeconfig for peers, in sections that hold no secret for Pulumi."""
    for path, value in leaves({name: part for name, part in raw.items() if name not in secret}):
        if value and path.endswith((".privateKey", "reader.kubeconfig")):
            yield Problem(
                path=path,
                message="stands in the stack file in plain text; "
                "set it with `pulumi config set --secret --path`",
            )
