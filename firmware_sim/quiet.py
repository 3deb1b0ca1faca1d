"""Importing this stops Bumble from formatting packets for debug logs that are off.

Bumble renders (and colours) every packet for its logger before the logger refuses it:
a third of the cost of a notification.  `gateway.bumble` does the same for itself.
"""

import logging

import bumble.colors
from bumble import att, hci, l2cap

LOG = logging.getLogger("bumble")


def _plain(text: str, *_: object, **__: object) -> str:
    """Stand in for `bumble.colors.color`."""
    return text


def hush() -> None:
    """Make Bumble's packets print as plain objects, unless its debug logs are on."""
    if LOG.isEnabledFor(logging.DEBUG):
        return
    LOG.setLevel(logging.ERROR)  # it warns of normal events, such as a lost link
    LOG.getChild("hci").setLevel(logging.CRITICAL)  # what it logs, it raises as well
    bumble.colors.color = _plain
    roots = hci.HCI_Packet, att.ATT_PDU, l2cap.L2CAP_PDU, l2cap.L2CAP_Control_Frame
    for cls in (cls for root in roots for cls in (root, *root.__subclasses__())):
        if "__str__" in vars(cls):
            cls.__str__ = object.__repr__


hush()
