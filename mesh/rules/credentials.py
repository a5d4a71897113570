"""What gives a credential away, in whatever setting it stands. Pure.

A credential is known by what it looks like. Only a password, and a token that is a row of letters and digits,
look like nothing: there, the name of the key counts too. Certificates and public keys are no credentials.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

import yaml
from cryptography.hazmat.primitives.serialization import load_der_private_key

from mesh.config.secrets import Path, leaves
from mesh.mappings import as_map

_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|AGE-SECRET-KEY-1[0-9A-Z]+")
_JWT = re.compile(r"(?<![\w-])(eyJ[\w-]+)\.[\w-]+\.[\w-]+")
_URL = re.compile(r"[a-zA-Z][\w+.-]*://([^/\s:@?#]*):([^/\s@?#]+)@")
_URL_TOKEN = re.compile(r"https?://[\w-]{20,}@")
_BASIC = re.compile(r"(?i)\bbasic\s+([A-Za-z0-9+/]{4,}={0,2})")
_BEARER = re.compile(r"(?i)\bbearer\s+((?=[^\s\"']*\d)[\w.~+/-]{16,}=*)")
# Forms that issuers of tokens have chosen so that tokens are recognized.
_TOKEN = re.compile(
    r"(?<![\w-])(?:"
    r"gh[pousr]_\w{36,}|github_pat_\w{36,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,}|AIza[\w-]{35}|ya29\.[\w-]{20,}"
    r"|sk_live_\w{16,}|npm_\w{36}|hv[sb]\.[\w-]{24,}|pul-[0-9a-f]{40}|dop_v1_[0-9a-f]{64}|sha256~[\w-]{43}"
    r"|K10[0-9a-f]{64}::\S+|(?:kubeconfig-[\w-]+|token-\w{5}):[a-z0-9]{54})"
)
_BOOTSTRAP_TOKEN = re.compile(r"[a-z0-9]{6}\.(?=[a-z]*\d)(?=\d*[a-z])[a-z0-9]{16}")
_OPAQUE = re.compile(
    r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9+/_=]{16,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
_PLACEHOLDER = re.compile(r"\$\{.*\}|\$\(.*\)|\{\{.*\}\}|<.*>|[*xX.…]*")
_PASSWORD_KEY = re.compile(r"(?i)(?:password|passwd|passphrase)$")
_TOKEN_KEY = re.compile(r"(?i)(?:token|secret|api[_-]?key|access[_-]?key|credentials?)$")
_KUBECONFIG_KEYS = ("token", "password", "client-key-data")
_PROVIDER_KEYS = ("id-token", "refresh-token", "access-token", "client-secret")
_DEEPEST = 4
"""Base64 of a document with base64 of a document in it is as far as anyone goes."""


def credential(path: Path, values: Mapping[Path, object], *, depth: int = 0) -> str | None:
    """What kind of credential is in the value at `path`; None where there is none.

    Args:
        path: one of the paths in `values`.
        values: all values of a document that are neither maps nor lists.
        depth: how many texts the document is in.
    """
    value = values[path]
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    if _PLACEHOLDER.fullmatch(text):
        return None
    return _by_place(path, text, values) or (_by_content(text, depth) if isinstance(value, str) else None)


def _by_content(text: str, depth: int) -> str | None:
    if _PRIVATE_KEY.search(text):
        return "a private key"
    if any(_is_jwt_header(header) for header in _JWT.findall(text)) or _TOKEN.search(text):
        return "a token"
    if _BOOTSTRAP_TOKEN.fullmatch(text):
        return "a token"
    if any(not _PLACEHOLDER.fullmatch(password) for _, password in _URL.findall(text)):
        return "a URL with a password"
    if _URL_TOKEN.search(text):
        return "a URL with a token"
    if any(":" in (_text(_decoded(encoded)) or "") for encoded in _BASIC.findall(text)):
        return "a password (basic authentication)"
    if _BEARER.search(text):
        return "a bearer token"
    return _inside(text, depth) if depth < _DEEPEST else None


def _inside(text: str, depth: int) -> str | None:
    """What is in a document that is the text, or that the text is base64 of."""
    if (document := _document(text)) is not None:
        values = dict(leaves(document))
        return next((kind for path in values if (kind := credential(path, values, depth=depth + 1))), None)
    if (data := _decoded(text)) is None:
        return None
    if _is_private_key(data):
        return "a private key"
    return _by_content(inner, depth + 1) if (inner := _text(data)) else None


def _by_place(path: Path, text: str, values: Mapping[Path, object]) -> str | None:
    """What the keys around a value say of it, where the value looks like a credential, or like nothing."""
    key = str(path[-1]) if path else ""
    if key == "value":  # of a list of variables
        key = str(values.get((*path[:-1], "name"), key))
    if key == "d" and (*path[:-1], "kty") in values:
        return "a private key (JWK)"
    if key == "auth" and "auths" in path and ":" in (_text(_decoded(text)) or ""):
        return "a password (of an image registry)"
    of_user = path[-2:-1] == ("user",) and "users" in path and key in _KUBECONFIG_KEYS
    if of_user or ("auth-provider" in path and key in _PROVIDER_KEYS):
        return f"a kubeconfig's {key}"
    if _PASSWORD_KEY.search(key):
        return "a password"
    return "a token" if _TOKEN_KEY.search(key) and _OPAQUE.fullmatch(text) else None


def _document(text: str) -> Mapping[str, Any] | None:
    """The map that a text has as JSON or YAML; most texts are no document, and are not tried."""
    if not text.startswith("{") and "\n" not in text:
        return None
    try:
        return as_map(json.loads(text) if text.startswith("{") else yaml.safe_load(text))
    except (ValueError, yaml.YAMLError):
        return None


def _decoded(text: str) -> bytes | None:
    joined = "".join(text.split())
    try:
        return base64.b64decode(joined, validate=True) if len(joined) % 4 == 0 and joined else None
    except (binascii.Error, ValueError):
        return None


def _text(data: bytes | None) -> str | None:
    try:
        decoded = (data or b"").decode()
    except UnicodeDecodeError:
        return None
    return decoded if decoded.replace("\n", "").replace("\r", "").replace("\t", "").isprintable() else None


def _is_jwt_header(part: str) -> bool:
    try:
        header = as_map(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))
    except ValueError:
        return False
    return header is not None and "alg" in header


def _is_private_key(data: bytes) -> bool:
    if not data.startswith(b"0"):  # an ASN.1 sequence
        return False
    try:
        load_der_private_key(data, password=None)
    except TypeError:
        return True  # it is encrypted
    except ValueError:
        return False
    return True
