"""Keeps paho small: it imports `urllib.request`, and with it HTTP and e-mail, 2 MB.

It asks it for a proxy when the PySocks package is there, which is not ours.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


@contextmanager
def postponed(name: str) -> Iterator[None]:
    """Let who imports a package's module in a block have it when it is first used.

    A process that has it already keeps what it has.
    """
    if name in sys.modules:
        yield
        return

    def real(attribute: str) -> Any:  # noqa: ANN401  # anything that a module holds
        return getattr(import_module(name), attribute)

    package, _, own = name.rpartition(".")
    stub = ModuleType(name)
    vars(stub)["__getattr__"] = real
    setattr(import_module(package), own, stub)
    sys.modules[name] = stub
    try:
        yield
    finally:
        del sys.modules[name]
