"""Which addresses of a gateway peers can use."""

import pytest

from mesh.istio.addresses import gateway_addresses


@pytest.mark.parametrize(
    ("ingress", "external", "expected"),
    [
        ([("203.0.113.7", None)], [], ("203.0.113.7",)),
        ([(None, "a.elb.example.com")], [], ("a.elb.example.com",)),
        ([(None, None)], [], ()),
        ([("", ""), ("203.0.113.7", None)], [], ("203.0.113.7",)),
        ([("203.0.113.7", None)], ["198.51.100.1", "203.0.113.7"], ("203.0.113.7", "198.51.100.1")),
        ([], [], ()),
    ],
)
def test_every_address_is_given_once_and_an_empty_entry_gives_none(
    ingress: list[tuple[str | None, str | None]], external: list[str], expected: tuple[str, ...]
) -> None:
    """A load balancer that is being created has entries without an address."""
    assert gateway_addresses(ingress, external) == expected
