"""The configuration of an earlier update, from Pulumi's history of the stack."""

import json
from typing import Any

import pytest

from mesh.stacks.history import configuration, is_good

_CIPHER = "v1:abc"
_KEY = "istio-mesh:istio"


def _entry(value: Any, *, secret: bool = False) -> dict[str, Any]:
    """A value as `pulumi stack history --json --show-secrets` has it."""
    text = value if isinstance(value, str) else json.dumps(value)
    return {"value": text, "secret": secret, **({} if isinstance(value, str) else {"objectValue": value})}


def _before(before: Any, now: Any, written: Any) -> Any:
    """The section as it was, if it has secrets; what is encrypted for it is marked."""
    update = {"config": {_KEY: _entry(before, secret=True)}}
    plain = {_KEY: json.dumps(now)}
    return configuration(update, {_KEY: written}, plain, lambda text: f"encrypted {text}").get(_KEY)


@pytest.mark.parametrize(
    ("kind", "result", "message", "good"),
    [
        ("update", "succeeded", "Istio 1.31", True),
        ("update", "failed", "Istio 1.31", False),
        ("update", "succeeded", "rollout: wave 1", False),
        ("refresh", "succeeded", "Istio 1.31", False),
    ],
)
def test_a_good_update_is_a_whole_one_that_ended_well(
    kind: str, result: str, message: str, *, good: bool
) -> None:
    """Waves are parts of one."""
    assert is_good({"kind": kind, "result": result, "message": message}, part="rollout:") is good


def test_a_section_without_secrets_is_as_it_was() -> None:
    """A map as a map, and a text as a text."""
    update = {"config": {"a": _entry({"x": [1, "2"]}), "b": _entry("text")}}
    assert configuration(update, {}, {}, str) == {"a": {"x": [1, "2"]}, "b": "text"}


def test_a_secret_that_has_not_changed_stays_as_it_is_written() -> None:
    """In a section that has not changed, and in one that has."""
    written = {"token": {"secure": _CIPHER}, "replicas": 2}
    assert _before({"token": "t", "replicas": 2}, {"token": "t", "replicas": 2}, written) == written
    assert _before({"token": "t", "replicas": 1}, {"token": "t", "replicas": 2}, written) == {
        "token": {"secure": _CIPHER},
        "replicas": 1,
    }


def test_whatever_text_differs_beside_a_secret_is_encrypted() -> None:
    """What was secret then is not known: it may have been any of them."""
    before = {"token": "old", "tag": "1", "gone": {"key": "k", "port": 1}, "list": ["a", "b"]}
    now = {"token": "new", "tag": "2", "list": ["a"]}
    written = {"token": {"secure": _CIPHER}, "tag": "2", "list": ["a"]}
    assert _before(before, now, written) == {
        "token": {"secure": "encrypted old"},
        "tag": {"secure": "encrypted 1"},
        "gone": {"key": {"secure": "encrypted k"}, "port": 1},
        "list": ["a", {"secure": "encrypted b"}],
    }


def test_what_the_change_has_added_is_gone() -> None:
    """Also where it is a secret."""
    written = {"token": {"secure": _CIPHER}, "more": 1}
    assert _before({"x": True}, {"x": True, "token": "t", "more": 1}, {"x": True, **written}) == {"x": True}


def test_a_secret_from_elsewhere_is_not_written() -> None:
    """Such as one of an environment: it is there without the stack file."""
    update = {"config": {_KEY: _entry({"token": "t"}, secret=True)}}
    assert configuration(update, {}, {_KEY: json.dumps({"token": "t"})}, str) == {}


def test_what_pulumi_cannot_decrypt_is_refused() -> None:
    """The stack got another passphrase since."""
    update = {"config": {_KEY: {"value": "ERROR_UNABLE_TO_DECRYPT", "secret": True}}}
    with pytest.raises(ValueError, match="cannot decrypt istio-mesh:istio"):
        configuration(update, {}, {}, str)
