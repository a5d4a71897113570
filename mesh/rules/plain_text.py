"""Private keys and credentials that are in the stack file in plain text."""

from collections.abc import Iterator
from datetime import datetime

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig


def problems(config: StackConfig, _now: datetime) -> Iterator[Problem]:
    """A problem for each private key, or kubeconfig for peers, in a section that Pulumi does not encrypt."""
    for path in sorted(config.settings):
        section = path.partition(".")[0]
        if section not in config.secret_sections and path.endswith((".privateKey", "reader.kubeconfig")):
            yield Problem(
                path=path,
                message="is in the stack file in plain text; expected a secret: set it with "
                f"`pulumi config set --secret --path {path}`",
            )
