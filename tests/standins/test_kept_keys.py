"""What a private key of a CA becomes when the program's default is another algorithm than its own."""

import pulumi
import pulumi_tls as tls
import pytest

from mesh.config.types import KeyAlgorithm
from mesh.trust.certificate_authority import private_key
from tests.standins.engine import Program, Stack


def _of_before() -> None:
    tls.PrivateKey("it", algorithm="RSA", rsa_bits=2048)


def _now(algorithm: KeyAlgorithm | None) -> Program:
    return lambda: _declared(algorithm)


def _declared(algorithm: KeyAlgorithm | None) -> None:
    key = private_key("it", algorithm, pulumi.ResourceOptions())
    pulumi.export("key", key.algorithm)


@pytest.fixture(scope="module")
def of_before(module_stack: Stack) -> Stack:
    """A stack with a key as earlier releases made it by default."""
    module_stack.up(_of_before)
    return module_stack


def test_a_key_of_before_is_left_as_it_is(of_before: Stack) -> None:
    """In previews and in updates."""
    assert of_before.preview(_now(None)).ops == {"it": "same"}
    done = of_before.up(_now(None))
    assert done.ops == {"it": "same"}
    assert done.outputs["key"] == "RSA"


def test_a_key_that_is_new_is_ecdsa(stack: Stack) -> None:
    """By default; and from then on it stays."""
    assert stack.up(_now(None)).outputs["key"] == "ECDSA"
    assert stack.preview(_now(None)).ops == {"it": "same"}


def test_an_algorithm_that_is_set_holds_for_a_key_that_exists(of_before: Stack) -> None:
    """The same one changes nothing; another one replaces the key."""
    assert of_before.preview(_now(KeyAlgorithm.RSA_2048)).ops == {"it": "same"}
    assert of_before.preview(_now(KeyAlgorithm.ECDSA_P256)).ops == {"it": "replace"}
