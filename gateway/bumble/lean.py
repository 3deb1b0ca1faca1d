"""What keeps Bumble small and quick; the package's head calls it around the import.

Bumble formats logs that are off, and importing it costs 7 MB of freed heap and the 7 MB
of the `cryptography` package, which only pairing needs.  This module must be loadable
before Bumble is: it imports nothing of it at its head.
"""

import importlib
import logging
import sys
from types import ModuleType
from typing import Any

CRYPTOGRAPHY = "bumble.crypto.cryptography"
BUMBLE_LOG = logging.getLogger("bumble")


def postpone_cryptography() -> None:
    """Let Bumble import the `cryptography` package when it first pairs, not before.

    A process that already runs Bumble (the simulation beside us) keeps what it has.
    """
    if "bumble.crypto" in sys.modules:
        return

    def real(name: str) -> Any:  # noqa: ANN401  # one of three things
        sys.modules.pop(CRYPTOGRAPHY, None)
        module = importlib.import_module(CRYPTOGRAPHY)
        for each in ("EccKey", "aes_cmac", "e"):
            setattr(sys.modules["bumble.crypto"], each, getattr(module, each))
        return getattr(module, name)

    class EccKey:
        generate = staticmethod(lambda: real("EccKey").generate())
        from_private_key_bytes = staticmethod(
            lambda octets: real("EccKey").from_private_key_bytes(octets)
        )

    stub = ModuleType(CRYPTOGRAPHY)
    vars(stub)["EccKey"] = EccKey
    vars(stub)["aes_cmac"] = lambda m, k: real("aes_cmac")(m, k)
    vars(stub)["e"] = lambda key, data: real("e")(key, data)
    sys.modules[CRYPTOGRAPHY] = stub


def hush() -> None:
    """Make Bumble's packets print as plain objects, unless its debug logs are on."""
    if BUMBLE_LOG.isEnabledFor(logging.DEBUG):
        return
    import bumble.colors
    from bumble import att, hci, l2cap

    BUMBLE_LOG.setLevel(logging.ERROR)  # it warns of normal events: a lost link
    bumble.colors.color = lambda text, *_, **__: text
    roots = hci.HCI_Packet, att.ATT_PDU, l2cap.L2CAP_PDU, l2cap.L2CAP_Control_Frame
    for cls in (cls for root in roots for cls in (root, *root.__subclasses__())):
        if "__str__" in vars(cls):
            cls.__str__ = object.__repr__
