"""The ward's memory on disk: one file, replaced whole or not at all."""

import logging
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsp.erasure import knows, without
from dsp.ward import Ward
from vitals.detection import Dsp

log = logging.getLogger(__name__)

BROKEN = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)


class Snapshot:
    """A ward's file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = Lock()  # a write that nobody awaits any more may still go on

    def write(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Put the arrays into the file; a power cut leaves the old or the new ones."""
        with self._turn:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._path.with_suffix(".new")
            with fresh.open("wb") as file:
                clean = {name: without_gaps(array) for name, array in arrays.items()}
                np.savez(file, allow_pickle=False, **clean)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
            _sync(self._path.parent)

    def erase(self, subject: str) -> None:
        """Take a patient out of a file that nobody works with."""
        with np.load(self._path, allow_pickle=False) as arrays:
            left = without(arrays, subject)
        self.write(left)

    def knows(self, subject: str) -> bool:
        """Tell whether the file, if there is one, has anything of a patient."""
        if not self._path.exists():
            return False
        with np.load(self._path, allow_pickle=False) as arrays:
            return knows(arrays, subject)

    def read(self, settings: Dsp) -> Ward:
        """Give the ward that the file remembers; a new one if it cannot.

        A file that cannot be used is set aside as `*.broken` with a line in the log.
        """
        if not self._path.exists():
            return Ward(settings)
        try:
            with (
                self._path.open("rb") as file,
                np.load(file, allow_pickle=False) as arrays,
            ):
                return Ward.load(settings, arrays)
        except BROKEN as error:
            aside = self._path.with_suffix(".broken")
            self._path.replace(aside)
            log.warning(
                "%s cannot be used (%s); it is now %s and the detectors start anew",
                self._path, error, aside,
            )  # fmt: skip
            return Ward(settings)


def without_gaps(array: NDArray[Any]) -> NDArray[Any]:
    """Give a copy with zeros between the fields of its rows.

    What lies there is whatever the memory held before: it may be of somebody erased.
    """
    clean = np.zeros(array.shape, array.dtype)
    _copy(array, clean)
    return clean


def _copy(array: NDArray[Any], clean: NDArray[Any]) -> None:
    if array.dtype.names is None:
        clean[...] = array
        return
    for name in array.dtype.names:
        _copy(array[name], clean[name])


def _sync(folder: Path) -> None:
    """Make a folder's entries durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
