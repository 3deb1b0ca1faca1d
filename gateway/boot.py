"""Which boot of this machine it is: monotonic times of two boots do not compare."""

from pathlib import Path
from uuid import uuid4

KERNEL = Path("/proc/sys/kernel/random/boot_id")
_OURS = uuid4().hex  # where the kernel does not say, each process is a boot of its own


def identity(kernel: Path = KERNEL) -> str:
    """Give the identity of this boot, 32 hexadecimal digits.

    >>> len(identity()) == len(identity(Path("/nowhere"))) == 32
    True
    """
    try:
        return kernel.read_text().strip().replace("-", "") or _OURS
    except OSError:
        return _OURS
