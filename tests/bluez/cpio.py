"""Writes an initramfs: a cpio archive in the "newc" format.

Documentation/driver-api/early-userspace/buffer-format.rst of the kernel.
"""

import os
import stat
from pathlib import Path


class Cpio:
    """An archive that is whole once its block ends without an error."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._seen: set[str] = set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._add("TRAILER!!!", 0)
        self._file.close()

    def put(self, name: str, data: bytes, executable: bool = False) -> None:
        """Add a file."""
        self._add(name, stat.S_IFREG | (0o755 if executable else 0o644), data)

    def console(self) -> None:
        """Add the device that the first process speaks to."""
        self._add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))

    def _add(self, name, mode, data=b"", device=(0, 0)):
        """Add an entry after the folders that it is in."""
        if name in self._seen:
            return
        if folder := os.path.dirname(name):
            self._add(folder, stat.S_IFDIR | 0o755)
        self._seen.add(name)
        links, length = 1, len(data)
        fields = len(self._seen), mode, 0, 0, links, 0, length, 0, 0, *device
        header = b"070701" + b"".join(b"%08X" % n for n in (*fields, len(name) + 1, 0))
        self._file.write(_padded(header + name.encode() + b"\0") + _padded(data))


def _padded(data):
    return data + b"\0" * (-len(data) % 4)
