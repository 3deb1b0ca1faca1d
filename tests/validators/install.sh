#!/bin/sh
# Put the two FHIR validators of the tests under .cache/validators: pyrofile in an
# environment of its own (it wants an older dateutil than InfluxDB's client), Medplum's for
# Node.  Without them their tests are skipped, and say so.
here=$(cd "$(dirname "$0")" && pwd)
there="$here/../../.cache/validators"
python=${PYTHON:-python3}
mkdir -p "$there"

if ! cmp -s "$here/pyrofile.txt" "$there/pyrofile.txt"; then
    rm -rf "$there/pyrofile" && "$python" -m venv "$there/pyrofile" &&
        "$there/pyrofile/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r "$here/pyrofile.txt" &&
        cp "$here/pyrofile.txt" "$there" ||
        echo "pyrofile-validator could not be installed; its tests will be skipped"
fi

command -v npm >/dev/null || { echo "no npm: the tests with Medplum's validator will be skipped (apt install npm)"; exit 0; }
if ! cmp -s "$here/package-lock.json" "$there/package-lock.json" || [ ! -d "$there/node_modules" ]; then
    cp "$here/package.json" "$here/package-lock.json" "$there" &&
        (cd "$there" && npm ci --silent --no-audit --no-fund --ignore-scripts >/dev/null 2>&1) ||
        { rm -f "$there/package-lock.json"; echo "Medplum's validator could not be installed; its tests will be skipped"; }
fi
exit 0
