"""What is told to the engine, and what is not."""

import sys
from collections.abc import Callable

import pulumi
import pytest
from pulumi.runtime import resource
from pulumi.runtime.proto.source_pb2 import StackTrace

from mesh.pulumi_workaround import short_stack_traces, without_debug_messages

_trace: Callable[[], StackTrace] = vars(resource)["_get_stack_trace"]  # what is cut is the SDK's own


class _Resource:
    """Three constructors, one above the other, as every resource has."""

    def __init__(self) -> None:
        self.trace = _trace()


class _Custom(_Resource):
    def __init__(self) -> None:
        super().__init__()


class _Secret(_Custom):
    def __init__(self) -> None:
        super().__init__()


def _deep(depth: int, declare: Callable[[], _Secret]) -> _Secret:
    return declare() if depth == 0 else _deep(depth - 1, declare)


def test_the_engine_is_told_where_a_resource_is_declared_without_the_calls_before() -> None:
    """However deep it is declared."""
    whole = _deep(50, _Secret).trace
    with short_stack_traces():
        short = _deep(50, _Secret).trace
    assert len(whole.frames) > 50
    assert 1 <= len(short.frames) <= 4
    assert short.frames[0].pc.uri.endswith("/test_pulumi_workaround.py")
    assert len(_deep(50, _Secret).trace.frames) > 50, "the limit has outlived the block"


def test_a_limit_of_before_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """As whoever runs the program has set it, also after an error."""
    monkeypatch.setattr(sys, "tracebacklimit", 3, raising=False)
    with pytest.raises(ValueError, match="inside"), short_stack_traces():
        raise ValueError("inside")
    assert sys.tracebacklimit == 3


def test_the_sdk_sends_no_debug_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """All others are sent."""
    sent: list[str] = []
    monkeypatch.setattr(pulumi.log, "_log", lambda _engine, _severity, message, *_: sent.append(message))
    monkeypatch.setattr(pulumi.log, "debug", pulumi.log.debug)
    monkeypatch.setattr(pulumi.log, "get_engine", object)
    pulumi.log.debug("before")
    without_debug_messages()
    pulumi.log.debug("after")
    pulumi.log.warn("a warning")
    assert sent == ["before", "a warning"]
