"""What Pulumi's Python SDK has no public name for: how it waits, and what it tells the engine."""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Generator
from typing import Any, TypeVar

import pulumi
from pulumi.runtime.settings import _get_rpc_manager  # pyright: ignore[reportPrivateUsage]
from pulumi.runtime.sync_await import _sync_await  # pyright: ignore[reportPrivateUsage]

T = TypeVar("T")

_FRAMES = 8
"""Seven of the SDK, if the resource's class is generated, and the one that declares the resource."""


def wait_for_each_once() -> None:
    """Have the SDK wait for registrations one by one; to be called at the end of the program.

    After the program the SDK waits for the calls to the engine that have begun, and then for all outputs
    together, again each time that one of them is done (`wait_for_rpcs` in `pulumi/runtime/stack.py`, since
    pulumi/pulumi#22411). When it looks, no call has begun, so only the second happens, whose cost is the
    square of the resources: half of 240 CPU seconds for a full mesh of 100 clusters. Where it finds a call,
    here one that has nothing to do, it lets the others begin and waits for them.
    """
    manager: Any = _get_rpc_manager()
    manager.rpcs.append(asyncio.ensure_future(asyncio.sleep(0)))


def without_debug_messages() -> None:
    """Have the SDK tell the engine nothing for `pulumi up --debug`.

    It describes each registration in four or five messages, waits for the answer to each (`_log` in
    `pulumi/log.py`), and meanwhile registers nothing; the engine drops them where nobody debugs. Without
    them, a preview of eight clusters takes 8.1 s in place of 8.7 s.
    """
    pulumi.log.debug = _nothing


def _nothing(*_: object, **__: object) -> None:
    pass


@contextlib.contextmanager
def short_stack_traces() -> Generator[None]:
    """Tell the engine where a resource is declared, without the calls that led there.

    The SDK sends the whole stack with each resource (`_get_stack_trace` in `pulumi/runtime/resource.py`),
    most of it Python's event loop, and the engine keeps it: up to a quarter of a state, which the engine
    writes at every step. Python cuts what `traceback` extracts at `sys.tracebacklimit`.
    """
    before = getattr(sys, "tracebacklimit", None)
    sys.tracebacklimit = _FRAMES
    try:
        yield
    finally:
        if before is None:
            del sys.tracebacklimit
        else:
            sys.tracebacklimit = before


def settled(value: Awaitable[T]) -> T:
    """Wait for a value, while the rest of the program and its registrations go on.

    The SDK itself does so for functions whose result a program uses (`invoke` in
    `pulumi/runtime/invoke.py`), and has no public name for it.
    """
    return _sync_await(value)
