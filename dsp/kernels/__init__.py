"""Compiled inner loops: arrays in, arrays out.  The only home of numba.

A kernel keeps nothing of its own: the caller owns every array, so a block of one sample
and a block of a million give the same answer to the bit.  `fastmath` stays off for that
reason.  Importing this package compiles the kernels, or loads them from numba's cache.
"""

from dsp.kernels.beats import arrange, beats, finish
from dsp.kernels.deterioration import decline
from dsp.kernels.devices import AHEAD, attend
from dsp.kernels.hrv import lomb, sample_entropy, variability
from dsp.kernels.limits import step
from dsp.kernels.sessions import contact, exercise
from dsp.kernels.trends import trends

__all__ = [
    "AHEAD",
    "arrange",
    "attend",
    "beats",
    "contact",
    "decline",
    "exercise",
    "finish",
    "lomb",
    "sample_entropy",
    "step",
    "trends",
    "variability",
]
