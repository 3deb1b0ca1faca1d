"""python -m benchmarks.kills: SIGKILL each stage in turn, compare sent with stored.

Runs the test of the same name on mosquitto, influxd and one process a stage, and keeps
its figures.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from benchmarks import results

TEST = Path(__file__).parent.parent / "tests" / "system" / "test_kills.py"


def main():
    with tempfile.TemporaryDirectory() as name:
        report = Path(name) / "report.xml"
        options = ["-q", "-o", "junit_family=xunit1", f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", *options, str(TEST), "-k", "twenty"]
        code = subprocess.run(command, check=False).returncode
        properties = ElementTree.parse(report).iter("property")
        figures = {one.get("name"): int(one.get("value")) for one in properties}
    results.save("kills", figures)
    print(figures)
    sys.exit(code)


if __name__ == "__main__":
    main()
