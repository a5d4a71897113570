"""The recorded mesh: it is small, and there is no secret in it, however it is encoded."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builders.certificates import authority
from tests.builders.kubeconfigs import kubeconfig
from tests.recordings import redaction
from tests.recordings.compact import compact, expanded
from tests.recordings.recorded import FILE

_LARGEST_BYTES = 170_000
_SECRETS = re.compile(r"PRIVATE KEY|\beyJ[\w-]{8,}\.|client-key-data|[Pp]assword")
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_FILES = sorted(file for file in FILE.parent.iterdir() if file.suffix == ".json")


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _jwt() -> str:
    parts = ('{"alg": "RS256"}', '{"kubernetes.io/serviceaccount/secret.name": "istio-reader-token-g1"}')
    return ".".join([*(_encoded(part).rstrip("=") for part in parts), "c2lnbmF0dXJl"])


def _layers(text: str) -> Iterator[str]:
    """A text, and what is encoded in it, and what is encoded in that."""
    yield text
    for found in _ENCODED.findall(text.replace("\\n", "\n")):
        value = found.rstrip("=").translate(str.maketrans("-_", "+/"))
        inner = base64.b64decode(value[: len(value) // 4 * 4]).decode("latin-1")
        if inner.isascii():
            yield from _layers(inner)


def _secrets(text: str) -> set[str]:
    return {found for layer in _layers(text) for found in _SECRETS.findall(layer)}


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.name)
def test_there_is_no_secret_in_a_recording(file: Path) -> None:
    """No private key, no token and no password, in plain or encoded."""
    assert _secrets(file.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    "text",
    [
        authority("a CA").key_pem,
        _encoded(authority("a CA").key_pem),
        _encoded(kubeconfig({"west": "https://west.example.com"}, user={"token": _jwt()})),
        _encoded(kubeconfig({"west": "https://west.example.com"}, user={"client-key-data": "x"})),
        _encoded(_encoded(authority("a CA").key_pem)),
        json.dumps({"token": _jwt()}),
    ],
)
def test_the_search_finds_a_secret(text: str) -> None:
    """Wherever it is in a recording."""
    assert _secrets(json.dumps(compact({"answer": text})))
    assert _secrets(json.dumps({"answer": text}))


def test_recordings_are_small() -> None:
    """So that a renewed one can be read as a change."""
    assert _FILES
    assert max(file.stat().st_size for file in _FILES) < _LARGEST_BYTES


def test_secrets_are_replaced_before_anything_is_recorded() -> None:
    """Certificates stay, of a token only the Secret that it comes from, and of anything unknown nothing."""
    ca = authority("a CA")
    text = kubeconfig({"west": "https://west.example.com"}, user={"token": _jwt(), "client-key-data": "k"})
    secrets: list[dict[str, Any]] = [
        _secret("cacerts", {"ca-cert.pem": ca.pem, "ca-key.pem": ca.key_pem}),
        _secret("istio-remote-secret-west", {"west": text}),
        _secret("istio-reader-token-g1", {"token": _jwt(), "ca.crt": ca.pem}),
        _secret("of-somebody-else", {"anything": "hidden"}),
    ]
    recorded = redaction.answer("/api/v1/namespaces/istio-system/secrets", {"items": secrets})
    cacerts, remote, token, other = (
        {key: base64.b64decode(value).decode() for key, value in item["data"].items()}
        for item in recorded["items"]
    )
    assert cacerts == {"ca-cert.pem": ca.pem, "ca-key.pem": "made-up ca-key.pem"}
    assert yaml.safe_load(remote["west"])["users"][0]["user"] == {
        "token": "made-up-token-of-istio-reader-token-g1",
        "client-key-data": "made-up",
    }
    assert token == {"token": "made-up-token-of-istio-reader-token-g1", "ca.crt": ca.pem}
    assert other == {"anything": "made-up anything"}
    one = redaction.answer("/api/v1/namespaces/istio-system/secrets/cacerts", secrets[0])
    assert base64.b64decode(one["data"]["ca-key.pem"]).decode() == "made-up ca-key.pem"


def test_the_form_of_the_file_loses_nothing() -> None:
    """Texts that are encoded, JSON in texts, and texts that only resemble them."""
    pem = authority("a CA").pem
    document = {
        "encoded": _encoded(f"a\n{pem}{pem}"),
        "twice": _encoded(_encoded(pem)),
        "json": json.dumps({"inner": _encoded(pem)}),
        "words": ["networks", "{not json", '{"other":"form"}', "", _encoded("\x00")],
        "number": 5,
        "nothing": None,
    }
    file = compact(document)
    assert list(file["certificates"].values()) == [pem]
    assert expanded(json.loads(json.dumps(file)), lambda text: text) == document


def _secret(name: str, data: dict[str, str]) -> dict[str, Any]:
    encoded = {key: _encoded(value) for key, value in data.items()}
    return {"metadata": {"name": name, "managedFields": [{}]}, "data": encoded}
