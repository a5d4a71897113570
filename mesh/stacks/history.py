"""The configuration that a stack had before, from the history of its updates. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from mesh.mappings import Json, as_map

_UNREADABLE = "ERROR_UNABLE_TO_DECRYPT"  # of `cmd/pulumi/stack/stack_history.go` in pulumi/pulumi
_MISSING = object()


def is_good(update: Json, *, part: str) -> bool:
    """Whether an entry of `pulumi stack history --json` is an update that ended well.

    One whose message begins with `part` has not made all of a change.
    """
    whole = not str(update.get("message", "")).startswith(part)
    return update["kind"] == "update" and update.get("result") == "succeeded" and whole


def configuration(
    update: Json,
    written: Mapping[str, object],
    plain: Mapping[str, str],
    encrypt: Callable[[str], str],
) -> dict[str, object]:
    """The configuration of an update, in the form that a stack file has it in.

    What a secret was is not in the history: in a section that has secrets, every text that differs from the
    stack file is encrypted.

    Args:
        update: with its secrets in plain text.
        written: the configuration as the stack file has it.
        plain: the same with secrets in plain text, as Pulumi gives it.
        encrypt: gives the text that a stack file has for a secret.

    Raises:
        ValueError: Pulumi cannot decrypt it any more.
    """
    found: dict[str, object] = {}
    for key, entry in update["config"].items():
        before = entry.get("objectValue", entry.get("value"))
        if not entry["secret"]:
            found[key] = before
        elif before == _UNREADABLE:
            raise ValueError(f"Pulumi cannot decrypt {key} as it was then")
        elif entry.get("value") != plain.get(key):
            found[key] = _before(before, _decoded(plain.get(key)), written.get(key, _MISSING), encrypt)
        elif key in written:  # else it comes from elsewhere, such as an environment, and will again
            found[key] = written[key]
    return found


def _before(before: object, now: object, written: object, encrypt: Callable[[str], str]) -> object:
    if before == now and written is not _MISSING:
        return written
    if (inner := as_map(before)) is not None:
        now_inner, written_inner = as_map(now) or {}, as_map(written) or {}
        return {
            key: _before(value, now_inner.get(key, _MISSING), written_inner.get(key, _MISSING), encrypt)
            for key, value in inner.items()
        }
    if isinstance(before, list):
        entries = cast(Sequence[object], before)
        return [
            _before(value, _entry(now, index), _entry(written, index), encrypt)
            for index, value in enumerate(entries)
        ]
    # What was encrypted is a text.
    return {"secure": encrypt(before)} if isinstance(before, str) else before


def _entry(of: object, index: int) -> object:
    entries = cast(Sequence[object], of) if isinstance(of, list) else ()
    return entries[index] if index < len(entries) else _MISSING


def _decoded(value: str | None) -> Any:
    try:
        return json.loads(value) if value is not None else None
    except json.JSONDecodeError:
        return value
