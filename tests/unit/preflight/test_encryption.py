"""A stack whose state is as good as plain text."""

from collections.abc import Mapping

import pytest

from mesh.preflight.encryption import problems

SALTED = {"encryptionsalt": "v1:abc"}


@pytest.mark.parametrize(
    ("stack", "environment", "refused"),
    [
        (SALTED, {"PULUMI_CONFIG_PASSPHRASE": ""}, True),
        (SALTED, {"PULUMI_CONFIG_PASSPHRASE": "  "}, True),
        (SALTED, {"PULUMI_CONFIG_PASSPHRASE_FILE": "empty"}, True),
        ({**SALTED, "secretsprovider": "passphrase"}, {"PULUMI_CONFIG_PASSPHRASE": ""}, True),
        (SALTED, {"PULUMI_CONFIG_PASSPHRASE": "long and winding"}, False),
        (SALTED, {"PULUMI_CONFIG_PASSPHRASE_FILE": "full"}, False),
        (SALTED, {}, False),
        ({"secretsprovider": "awskms://alias/mesh"}, {"PULUMI_CONFIG_PASSPHRASE": ""}, False),
        ({}, {"PULUMI_CONFIG_PASSPHRASE": ""}, False),
    ],
)
def test_an_empty_passphrase_counts_as_no_encryption(
    stack: Mapping[str, str], environment: Mapping[str, str], refused: bool
) -> None:
    """Only where the passphrase is what encrypts."""
    files = {"empty": "\n", "full": "long and winding\n"}
    found = list(problems(stack, environment, files.__getitem__))
    assert bool(found) is refused
    assert all("change-secrets-provider" in problem.message for problem in found)
