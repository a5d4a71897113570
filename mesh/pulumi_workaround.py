"""Waits as Pulumi's Python SDK does: for declared resources, and for values."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from pulumi.runtime.settings import _get_rpc_manager  # pyright: ignore[reportPrivateUsage]
from pulumi.runtime.sync_await import _sync_await  # pyright: ignore[reportPrivateUsage]

T = TypeVar("T")


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


def settled(value: Awaitable[T]) -> T:
    """Wait for a value, while the rest of the program and its registrations go on.

    The SDK itself does so for functions whose result a program uses (`invoke` in
    `pulumi/runtime/invoke.py`), and has no public name for it.
    """
    return _sync_await(value)
