"""The form of a recording in its file: texts instead of base64, and each certificate once. Pure.

`{"base64": …}` stands for a text that is encoded, `{"json": …}` for one that is JSON, and `<certificate 1>`
for the certificate of that number in a text.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import Any

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n")
_REFERENCE = re.compile(r"<certificate (\d+)>")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}")


def compact(document: Any) -> dict[str, Any]:
    """A document in the form of the file."""
    numbers: dict[str, int] = {}

    def written(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: written(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [written(inner) for inner in value]
        return text(value) if isinstance(value, str) else value

    def text(value: str) -> Any:
        if (decoded := _decoded(value)) is not None:
            return {"base64": text(decoded)}
        if (inner := _json(value)) is not None:
            return {"json": written(inner)}
        return _CERTIFICATE.sub(
            lambda found: f"<certificate {numbers.setdefault(found[0], len(numbers) + 1)}>", value
        )

    content = written(document)
    return {"certificates": {str(number): pem for pem, number in numbers.items()}, "content": content}


def expanded(file: dict[str, Any], change: Callable[[str], str]) -> Any:
    """The document again; `change` is applied to each text that was encoded."""
    certificates: dict[str, str] = file["certificates"]

    def read(value: Any) -> Any:
        if isinstance(value, list):
            return [read(inner) for inner in value]
        if isinstance(value, dict):
            if value.keys() == {"base64"}:
                return base64.b64encode(change(read(value["base64"])).encode()).decode()
            if value.keys() == {"json"}:
                return json.dumps(read(value["json"]))
            return {key: read(inner) for key, inner in value.items()}
        if isinstance(value, str):
            return _REFERENCE.sub(lambda found: certificates[found[1]], value)
        return value

    return read(file["content"])


def _decoded(value: str) -> str | None:
    """The text that a value encodes, if it does."""
    if not _BASE64.fullmatch(value):
        return None
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    same = base64.b64encode(text.encode()).decode() == value
    return text if same and text.replace("\n", "").isprintable() else None


def _json(value: str) -> Any:
    if not value.startswith(("{", "[")):
        return None
    try:
        document = json.loads(value)
    except ValueError:
        return None
    return document if json.dumps(document) == value else None
