"""Works on several clusters at once."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_MOST_THREADS = 16

K = TypeVar("K")
V = TypeVar("V")


def for_each(keys: Iterable[K], work: Callable[[K], V]) -> dict[K, V]:
    """The result of `work` for each key, in the order of the keys; the first exception is raised."""
    ordered = list(keys)
    with ThreadPoolExecutor(max_workers=_MOST_THREADS) as pool:
        return dict(zip(ordered, pool.map(work, ordered), strict=True))
