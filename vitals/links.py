"""Signed links: what one message lets its reader do, once and for a time.

The alert engine signs and the portal checks, with a secret that both keep in the data
folder.  A token says all that it allows; nothing is looked up to read it.
"""

import hashlib
import hmac
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Literal

from msgspec import DecodeError, Struct, json

from vitals.errors import ConfigError, MalformedData
from vitals.model import Instant

PURPOSE = b"vitals link 1\n"  # so that the secret signs nothing else
MAC_OCTETS = 16  # of SHA-256; RFC 2104 section 5 allows half
KEY_OCTETS = 32
LONGEST = 1000  # characters of a token that we read
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: none looks like another

Action = Literal["acknowledge", "snooze"]


class Deed(Struct, frozen=True, array_like=True):
    """One decision about one alert that one person may take until a time."""

    alert: str
    action: Action
    by: str  # who was told, and so who decides
    until: Instant
    nonce: str  # of the message: another message's link is another deed
    minutes: int | None = None  # of a snooze; None: as its priority has it


def sign(key: bytes, deed: Deed) -> str:
    """Give the token that lets its bearer do the deed."""
    text = urlsafe_b64encode(json.encode(deed)).rstrip(b"=")
    return f"{text.decode()}.{_mac(key, text)}"


def read(key: bytes, token: str) -> Deed:
    """Give what a token allows, be it in time or not.

    Raises
    ------
    MalformedData
        We have not signed it.
    """
    text, _, mac = token.partition(".")
    if len(token) > LONGEST or not token.isascii():
        raise MalformedData("this is no link of ours")
    if not hmac.compare_digest(_mac(key, text.encode()), mac):
        raise MalformedData("this is no link of ours")
    try:
        padded = text + "=" * (-len(text) % 4)
        return json.decode(urlsafe_b64decode(padded), type=Deed)
    except (ValueError, DecodeError) as error:  # ours, of another version
        raise MalformedData("this link is of another version") from error


def key(data: Path) -> bytes:
    """Give the secret of a data folder; whoever comes first makes it.

    Raises
    ------
    ConfigError
        The file is there, and is none of ours.
    """
    path = data / "links.key"
    if not path.exists():
        _make(path)
    found = path.read_bytes()
    if len(found) != KEY_OCTETS:
        raise ConfigError(f"{path}: not a secret of ours; remove it, and links end")
    return found


def case_number(alert_id: str) -> str:
    """Give the short name of an alert that people can say on the telephone.

    >>> case_number("ad75152c3237831412cf73c2")
    '4T1N-0D36'
    """
    digest = hashlib.blake2b(alert_id.encode(), digest_size=5).digest()
    number = int.from_bytes(digest)
    text = "".join(_LETTERS[number >> shift & 31] for shift in range(35, -1, -5))
    return f"{text[:4]}-{text[4:]}"


def _mac(key: bytes, text: bytes) -> str:
    """Give the signature of a token's text, as it stands in the token."""
    mac = hmac.new(key, PURPOSE + text, hashlib.sha256).digest()[:MAC_OCTETS]
    return urlsafe_b64encode(mac).rstrip(b"=").decode()


def _make(path: Path) -> None:
    """Make a secret that is whole whenever it is there; the first one stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(file, secrets.token_bytes(KEY_OCTETS))
        os.fsync(file)
        os.link(new, path)
    except FileExistsError:
        pass  # the other process was faster
    finally:
        os.close(file)
        new.unlink()
