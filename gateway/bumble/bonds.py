"""Bonds with wearables, and who we are to them; in a file that survives restarts.

Bumble files a bond under whatever address the peer says is its own, so that one peer
could replace another's.  Here it is filed under the address that we dialled.
"""

import os
import secrets
from pathlib import Path
from typing import Any

import msgspec
from bumble import hci
from bumble.keys import KeyStore, PairingKeys
from msgspec import Struct

from gateway.identity import Identities

ONLY_OURS = os.O_CREAT | os.O_EXCL | os.O_WRONLY


class _File(Struct):
    """What the file holds."""

    address: str
    irk: str  # hexadecimal
    bonds: dict[str, dict[str, Any]] = {}


class Bonds(KeyStore):  # type: ignore[misc]
    """A key store of Bumble's.

    Attributes
    ----------
    address, irk
        Our own identity: what we have bonded as.
    identities
        Those of the wearables whose keys we have.
    """

    def __init__(self, path: Path | None) -> None:
        """Read the file; None keeps everything in memory.

        Raises
        ------
        ValueError, OSError
            The file is there, and cannot be read.
        """
        self._path = path
        found = _load(path)
        self.address, self.irk = hci.Address(found.address), bytes.fromhex(found.irk)
        self._keys = {who: PairingKeys.from_dict(k) for who, k in found.bonds.items()}
        self.identities = self._resolving()

    def keep(self, who: str, keys: PairingKeys) -> None:
        """Keep a bond, on disk when this returns; the old one is gone."""
        self._keys[who] = keys
        self._save()

    async def delete(self, name: str) -> None:
        """Forget a bond."""
        if self._keys.pop(_plain(name), None):
            self._save()

    async def update(self, name: str, keys: PairingKeys) -> None:
        """Leave what a peer says of itself: `keep` is called for whom we dialled."""

    async def get(self, name: str) -> PairingKeys | None:
        """Give the keys of a peer."""
        return self._keys.get(_plain(name))

    async def get_all(self) -> list[tuple[str, PairingKeys]]:
        """Give all keys, by address."""
        return list(self._keys.items())

    def _resolving(self) -> Identities:
        irks = ((who, keys.irk) for who, keys in self._keys.items())
        return Identities({who: irk.value for who, irk in irks if irk})

    def _save(self) -> None:
        """Write the file whole or not at all, for nobody else to read."""
        self.identities = self._resolving()
        if self._path is None:
            return
        bonds = {who: keys.to_dict() for who, keys in self._keys.items()}
        content = _File(str(self.address), self.irk.hex(), bonds)
        new = self._path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, ONLY_OURS, 0o600), "wb") as file:
            file.write(msgspec.json.encode(content))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class Resolver:
    """Tells Bumble who has been connected to."""

    def __init__(self, bonds: Bonds) -> None:
        """Take the bonds, whose keys tell."""
        self._bonds = bonds

    def can_resolve_to(self, _: hci.Address) -> bool:
        """Say no: Bumble would listen, without end, for a private address.

        Who has given us its key need not hide, and is dialled as it was heard.
        """
        return False

    def resolve(self, address: hci.Address) -> hci.Address | None:
        """Give the identity address behind a private one, if we know it."""
        heard = _plain(str(address))
        identity = self._bonds.identities.of(heard)
        if identity == heard:
            return None
        return hci.Address(identity, hci.Address.RANDOM_IDENTITY_ADDRESS)


def authenticated(keys: PairingKeys) -> bool:
    """Tell whether a passkey has made these keys."""
    ltk = keys.ltk or keys.ltk_central
    return bool(ltk and ltk.authenticated)


def _load(path: Path | None) -> _File:
    """Read the file; where there is none we are somebody new."""
    if path is None or not path.exists():
        address = hci.Address.generate_static_address()
        return _File(str(address), secrets.token_hex(16))
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File)
        bytes.fromhex(found.irk), hci.Address(found.address)
    except (ValueError, msgspec.MsgspecError) as error:
        advice = "move it away, and pair anew"
        raise ValueError(f"{path} holds no bonds: {error}; {advice}") from error
    return found


def _plain(name: str) -> str:
    """Give an address without Bumble's mark for public ones."""
    return name.partition("/")[0].upper()
