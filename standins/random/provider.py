"""The resource types of pulumi-random.

What each property means and defaults to is that of hashicorp/terraform-provider-random 3
(`internal/provider/resource_*.go`), from which pulumi-random is made.
"""

import base64
import random
import secrets
import uuid
from collections.abc import Mapping
from typing import Any

import bcrypt

from standins.generated import GeneratedProvider, Input, Kind, Made
from standins.protocol import ProviderError, serve
from standins.random.text import faults, random_text

# bcrypt looks at no more of a password.
_BCRYPT_BYTES = 72


def _make_id(inputs: Mapping[str, Any]) -> Made:
    drawn = secrets.token_bytes(inputs["byteLength"])
    url = base64.urlsafe_b64encode(drawn).rstrip(b"=").decode()
    forms = {
        "b64Url": url,
        "b64Std": base64.b64encode(drawn).decode(),
        "hex": drawn.hex(),
        "dec": str(int.from_bytes(drawn)),
    }
    prefix = inputs.get("prefix", "")
    return Made(id=url, computed={name: prefix + form for name, form in forms.items()})


def _make_string(inputs: Mapping[str, Any]) -> Made:
    text = random_text(inputs)
    return Made(id=text, computed={"result": text})


def _make_password(inputs: Mapping[str, Any]) -> Made:
    text = random_text(inputs)
    hashed = bcrypt.hashpw(text.encode()[:_BCRYPT_BYTES], bcrypt.gensalt())
    # The ID is not secret, and so says nothing.
    return Made(id="none", computed={"result": text, "bcryptHash": hashed.decode()})


def _make_integer(inputs: Mapping[str, Any]) -> Made:
    if inputs["max"] < inputs["min"]:
        raise ProviderError(f"max is {inputs['max']}, less than min, {inputs['min']}")
    source = random.Random(inputs["seed"]) if "seed" in inputs else secrets.SystemRandom()  # noqa: S311 - as asked
    drawn = source.randint(inputs["min"], inputs["max"])
    return Made(id=str(drawn), computed={"result": drawn})


def _make_uuid(inputs: Mapping[str, Any]) -> Made:
    drawn = str(uuid.uuid4())
    return Made(id=drawn, computed={"result": drawn})


_KEEPERS = {"keepers": Input()}
_TEXT = {
    **_KEEPERS,
    "length": Input(required=True, at_least=1),
    "overrideSpecial": Input(),
    **{kind: Input(default=True) for kind in ("upper", "lower", "numeric", "special")},
    **{least: Input(default=0, at_least=0) for least in ("minUpper", "minLower", "minNumeric", "minSpecial")},
}

_KINDS = {
    "random:index/randomId:RandomId": Kind(
        inputs={**_KEEPERS, "byteLength": Input(required=True, at_least=1), "prefix": Input()},
        computed=("b64Url", "b64Std", "hex", "dec"),
        make=_make_id,
    ),
    "random:index/randomString:RandomString": Kind(
        inputs=_TEXT, computed=("result",), make=_make_string, faults=faults
    ),
    "random:index/randomPassword:RandomPassword": Kind(
        inputs=_TEXT,
        computed=("result", "bcryptHash"),
        secret=frozenset({"result", "bcryptHash"}),
        make=_make_password,
        faults=faults,
    ),
    "random:index/randomInteger:RandomInteger": Kind(
        inputs={**_KEEPERS, "min": Input(required=True), "max": Input(required=True), "seed": Input()},
        computed=("result",),
        make=_make_integer,
    ),
    "random:index/randomUuid:RandomUuid": Kind(inputs=_KEEPERS, computed=("result",), make=_make_uuid),
}


def main() -> None:
    """Serve the engine that started this process."""
    serve(lambda host: GeneratedProvider(host, name="random", kinds=_KINDS))
