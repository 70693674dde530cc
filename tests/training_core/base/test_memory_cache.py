"""What is kept in memory stays within its bytes, and what was used last stays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from training_core.base.memory_cache import MemoryCache


def array(nbytes: int, value: int = 0) -> NDArray[np.uint8]:
    return np.full(nbytes, value, np.uint8)


@pytest.fixture
def cache() -> MemoryCache[str, NDArray[np.uint8]]:
    return MemoryCache(100)


def test_the_least_recently_used_leave(cache: MemoryCache[str, NDArray[np.uint8]]) -> None:
    for key in "abc":
        cache.keep(key, array(30))
    assert cache.get("a") is not None  # now b is the oldest
    cache.keep("d", array(40))
    assert [key for key in "abcd" if key in cache] == ["a", "c", "d"]
    assert (len(cache), cache.nbytes) == (3, 100)


def test_asking_whether_it_is_there_is_no_use(cache: MemoryCache[str, NDArray[np.uint8]]) -> None:
    for key in "abc":
        cache.keep(key, array(30))
    assert "a" in cache
    cache.keep("d", array(40))
    assert "a" not in cache
    assert cache.get("a") is None


def test_one_too_large_is_kept_alone_until_the_next(cache: MemoryCache[str, NDArray[np.uint8]]) -> None:
    cache.keep("a", array(30))
    large = cache.keep("large", array(500))
    assert cache.get("large") is large
    assert "a" not in cache
    cache.keep("b", array(30))
    assert "large" not in cache
    assert (len(cache), cache.nbytes) == (1, 30)


def test_the_first_of_two_stays(cache: MemoryCache[str, NDArray[np.uint8]]) -> None:
    first = cache.keep("a", array(30, 1))
    assert cache.keep("a", array(30, 2)) is first
    assert cache.get("a") is first
    assert cache.nbytes == 30


def test_threads_share_it() -> None:
    cache: MemoryCache[int, NDArray[np.uint8]] = MemoryCache(1000)

    def use(turn: int) -> bool:
        key = turn * 7 % 50
        value = cache.get(key)
        value = value if value is not None else cache.keep(key, array(100, key))
        return bool((value == key).all()) and cache.nbytes <= 1000

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(use, range(4000)))
    assert len(cache) == 10
