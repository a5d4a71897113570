"""What is refused before any resource is registered, though the configuration by itself is right."""

from datetime import UTC, datetime

import pulumi

from mesh.config.problems import ConfigurationError, Problem
from mesh.config.resolved import StackConfig
from mesh.live import in_place
from mesh.preflight import encryption
from mesh.preflight import transitions as preconditions


def check(config: StackConfig) -> None:
    """Look at the stack's encryption, and at the trust and the tokens that are in place in the clusters.

    A cluster that does not answer is in nobody's way, unless roots are to move.

    Raises:
        pulumi.RunError: with one line for each reason; Pulumi shows it without a traceback.
    """
    found = in_place.read_all(config)
    prefix = f"{pulumi.get_project()}:"
    problems = [
        *encryption.problems(encryption.settings(encryption.stack_file(pulumi.get_stack()))),
        *(
            Problem(path=prefix + problem.path, message=problem.message)
            for problem in preconditions.problems(config, found, datetime.now(UTC))
        ),
    ]
    if problems:
        raise pulumi.RunError(str(ConfigurationError(dict.fromkeys(problems))))
