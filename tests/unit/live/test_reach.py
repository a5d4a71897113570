"""What curl and openssl say of connections from inside a cluster; their words are those of the real ones."""

from dataclasses import replace
from typing import Any

import pytest

from mesh.live.inspected import Handshake, Reach
from mesh.live.reach import Service, Target, command, handshake, outcome, script

_ADDRESS = "203.0.113.7:15443"
_GATEWAY = Target(address=_ADDRESS)
_API = Target(address="203.0.113.2:6443", tls=True)
_BY_PROXY = Target(address="203.0.113.2:6443", tls=True, proxy="http://proxy:3128")


@pytest.mark.parametrize(
    ("target", "said", "expected"),
    [
        (_API, {"exitcode": 0, "time_connect": 0.0015}, {"connect_ms": 1.5}),
        # The gateway closes what is not mutual TLS: it was reached.
        (
            _GATEWAY,
            {"exitcode": 56, "errormsg": "Recv failure: Connection reset by peer", "time_connect": 0.002},
            {"connect_ms": 2.0},
        ),
        (_GATEWAY, {"exitcode": 52, "errormsg": "Empty reply from server"}, {}),
        (
            _GATEWAY,
            {"exitcode": 7, "errormsg": "Failed to connect to 203.0.113.7 port 15443: Connection refused"},
            {"failure": "connection refused"},
        ),
        (
            _GATEWAY,
            {"exitcode": 7, "errormsg": "Failed to connect: No route to host"},
            {"failure": "Failed to connect: No route to host"},
        ),
        (
            _GATEWAY,
            {"exitcode": 28, "errormsg": "Connection timed out after 3001 ms"},
            {"failure": "timed out"},
        ),
        (
            _API,
            {"exitcode": 28, "errormsg": "SSL connection timeout", "time_connect": 0.001},
            {"connect_ms": 1.0},
        ),
        (_GATEWAY, {"exitcode": 6, "errormsg": "x"}, {"failure": "its name cannot be resolved"}),
        (_BY_PROXY, {"exitcode": 5, "errormsg": "x"}, {"failure": "the proxy's name cannot be resolved"}),
        (
            _BY_PROXY,
            {"exitcode": 56, "errormsg": "CONNECT tunnel failed, response 403", "time_connect": 0.001},
            {"failure": "CONNECT tunnel failed, response 403"},
        ),
    ],
)
def test_a_connection_was_established_or_it_is_said_why_not(
    target: Target, said: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Whatever came after it."""
    assert outcome(target, said) == Reach(address=target.address, **expected)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("CONNECTION ESTABLISHED\nProtocol version: TLSv1.3\nVerification: OK\n", Handshake()),
        ("write:errno=104\n", Handshake(closed=True)),
        ("error:0A000126:SSL routines::unexpected eof while reading", Handshake(closed=True)),
        ("", None),
        ("sh: openssl: not found\n", None),
        (
            "depth=1 CN = other\nverify error:num=19:self-signed certificate in certificate chain\n",
            Handshake(distrusted="self-signed certificate in certificate chain"),
        ),
    ],
)
def test_a_handshake_is_closed_distrusted_or_neither(said: str, expected: Handshake | None) -> None:
    """Without the certificate that the server wants of the client; what says nothing took too long."""
    assert handshake(said) == expected


def test_all_targets_are_tried_by_one_command() -> None:
    """Options begin again with each; the proxy is that of its target alone."""
    words = command([_GATEWAY, _BY_PROXY])
    assert words[0] == "curl"
    assert "--parallel" in words
    first, second = " ".join(words).split(" --next ")
    assert first.endswith(f"http://{_ADDRESS}/version")
    assert second.endswith("--proxy http://proxy:3128 https://203.0.113.2:6443/version")
    assert "--proxy" not in first
    assert "socks5h://proxy:1080" in command([replace(_BY_PROXY, proxy="socks5://proxy:1080")])


def test_a_handshake_names_istios_protocol_and_the_service() -> None:
    """By ALPN and SNI, against the roots that the pod has; each after its own mark."""
    names = [f"outbound_.80_._.{name}.shop.svc.cluster.local" for name in ("cart", "web")]
    text = script([Service(address=_ADDRESS, name=name) for name in names])
    assert all(f"-connect {_ADDRESS} -servername {name} -alpn istio" in text for name in names)
    assert text.count("-verify_return_error") == text.count("== handshake ") == 2
    assert text.endswith("wait")
