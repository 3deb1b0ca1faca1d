"""How a kernel is compiled: the only place that names numba's options."""

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from numba import njit, typeof
from numba.extending import register_jitable

from vitals import gate

F = TypeVar("F", bound=Callable[..., object])

CLEAR = 30_000  # ms; an episode ends after its hold back inside, at most this long


def stamp(room: Path) -> str:
    """Give a digest of all that may be compiled into a kernel."""
    sources = [*sorted(room.rglob("*.py")), Path(gate.__file__)]
    return blake2b(b"".join(source.read_bytes() for source in sources)).hexdigest()


STAMP = stamp(Path(__file__).parent.parent)


def inner(function: F) -> F:
    """Let a kernel call a function."""
    compiled: F = njit(function)
    return compiled


def callable_in_kernels(function: Callable[..., object]) -> None:
    """Let kernels call a function of plain Python, which stays one for all others."""
    register_jitable(function)


def kernel(*examples: object) -> Callable[[F], F]:
    """Compile a loop for arguments of the examples' types, or load it from the cache.

    What is compiled when it is imported need not be before the first patient.  Numba
    takes a cached kernel for good as long as the kernel's own file is unchanged; but
    it holds functions and constants of other files too, so their stamp is used.
    """
    signature = tuple(typeof(example) for example in examples)

    def compile_for(function: F) -> F:
        compiled = njit(function)
        compiled.enable_caching()
        compiled._cache._cache_file._source_stamp = STAMP
        compiled.compile(signature)
        compiled.disable_compile()
        done: F = compiled
        return done

    return compile_for
