"""How a kernel is compiled: the only place that names numba's options."""

from collections.abc import Callable
from typing import TypeVar

from numba import njit, typeof

F = TypeVar("F", bound=Callable[..., object])

CLEAR = 30_000  # ms; an episode ends after its hold back inside, at most this long


def inner(function: F) -> F:
    """Let a kernel call a function."""
    compiled: F = njit(function)
    return compiled


def kernel(*examples: object) -> Callable[[F], F]:
    """Compile a loop for arguments of the examples' types, or load it from the cache.

    What is compiled when it is imported is not compiled before the first patient.
    """
    signature = tuple(typeof(example) for example in examples)

    def compile_for(function: F) -> F:
        compiled: F = njit(signature, cache=True)(function)
        return compiled

    return compile_for
