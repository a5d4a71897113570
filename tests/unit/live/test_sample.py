"""Calls to the sample: what counts as an answer."""

import pytest

from mesh.live.proxies import connection_failure
from mesh.live.sample import parse_call


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Hello version: west, instance: helloworld-west-1 |200|", ("west", "")),
        ("Hello version: v1, instance: x |503|", (None, "HTTP 503: Hello version: v1, instance: x")),
        ("upstream connect error |503|", (None, "HTTP 503: upstream connect error")),
        (
            "curl: (6) Could not resolve host: helloworld.sample |000|",
            (None, "curl: (6) Could not resolve host: helloworld.sample"),
        ),
        ("|000| curl: (28) timed out", (None, "curl: (28) timed out")),
    ],
)
def test_a_call_is_an_answer_only_from_the_sample_itself(line: str, expected: tuple[object, str]) -> None:
    """Everything else is a failure with its reason."""
    assert parse_call(line) == expected


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "x\nError: Last error: dial tcp 203.0.113.7:15443: connect: connection refused",
            "connection refused",
        ),
        ("Error: Last error: Get: context deadline exceeded (Client.Timeout exceeded)", "timed out"),
        ("Error: Last error: read tcp: read: connection reset by peer", None),
        ("Error: Last error: Get: EOF", None),
    ],
)
def test_a_connection_that_the_gateway_ends_is_one_that_stood(said: str, reason: str | None) -> None:
    """To what is not mutual TLS the gateway does not answer otherwise."""
    assert connection_failure(said) == reason
