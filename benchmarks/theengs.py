"""What TheengsGateway's process takes when it has only been imported: our rival.

It is installed with pip into an environment of its own that is thrown away: it builds
C++ from source, and nothing of ours needs it.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.gateway import rss_mb

PACKAGE = "TheengsGateway==1.8.0"
SCRIPT = "import sys, TheengsGateway.ble_gateway; print(flush=True); sys.stdin.read()"
INSTALL_S = 600


def import_rss():
    """Give the memory of a process that has imported it, or why there is none."""
    with tempfile.TemporaryDirectory() as name:
        python = Path(name) / "bin" / "python"
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        try:
            subprocess.run([sys.executable, "-m", "venv", name], check=True)
            subprocess.run([*pip, PACKAGE], check=True, timeout=INSTALL_S)
            return {"theengs": PACKAGE, "theengs_import_rss_mb": _imported(python)}
        except (subprocess.SubprocessError, OSError) as error:
            return {"theengs": f"{PACKAGE} cannot be had here: {error}"}


def _imported(python):
    """Import it in a process of its own; give its memory, MB."""
    pipe = subprocess.PIPE
    with subprocess.Popen([python, "-c", SCRIPT], stdin=pipe, stdout=pipe) as child:
        if not child.stdout.readline():
            raise OSError("its gateway module cannot be imported")
        found = round(rss_mb(child.pid), 1)
        child.stdin.close()
    return found
