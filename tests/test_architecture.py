"""The house rules that a machine can check."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Who may import whom.  Siblings never do; they meet on the bus.
MAY_IMPORT = {
    "vitals": set(),
    "gateway": {"vitals"},
    "ingest": {"vitals"},
    "dsp": {"vitals"},
    "alerts": {"vitals"},
    "firmware_sim": {"vitals"},
    "portal": {"vitals", "ingest", "alerts"},
}

# What of a neighbour portal may see: the history readers, nothing else.
READERS = {"ingest.store", "ingest.completeness", "alerts.history"}

# Each heavy dependency has its homes; everybody else is pure or knows a Protocol.
HOMES = {
    "bleak": (
        "gateway.radio",
        "gateway.attendant",
        "gateway.bumble",
        "gateway.link",
        "gateway.pairing",
        "gateway.roaming",
        "gateway.survey",
    ),
    "paho": ("vitals.mqtt",),
    "influxdb_client": ("ingest.influx", "ingest.influx_query"),
    "numba": ("dsp.kernels.compiled",),
    "numpy": ("dsp",),
    "scipy": (),
    "fastapi": ("portal",),
    "starlette": ("portal",),
    "uvicorn": ("portal",),
    "apprise": ("alerts.channels.services",),
    "requests": (),
    "segno": ("portal.qr",),
    "joserfc": ("portal.oidc",),
    "jinja2": ("portal",),
    "pwdlib": ("portal", "vitals.broker"),
    "amqtt": ("vitals.broker",),
    "bumble": ("firmware_sim", "gateway.bumble"),
    "dbus_fast": ("firmware_sim.bluez", "gateway.agent", "gateway.adapter"),
}

MODULES = [
    path
    for package in MAY_IMPORT
    for path in sorted((ROOT / package).rglob("*.py"))
    if path.name != "__main__.py"
    and "cli" not in path.parts  # the front door wires everything together
]


def name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            yield node.module


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_follow_the_house(path):
    module = name(path)
    package = module.partition(".")[0]
    for imported in imports(path):
        top = imported.partition(".")[0]
        if top in MAY_IMPORT and top != package:
            assert top in MAY_IMPORT[package], f"{module} imports {imported}"
            assert top == "vitals" or imported in READERS, f"{module}: {imported}"
        if top in HOMES:
            homes = HOMES[top]
            assert any(module == h or module.startswith(f"{h}.") for h in homes), (
                f"{module} imports {top}, which lives in {homes}"
            )


def test_nobody_imports_the_front_door():
    for path in MODULES:
        assert not any(i.startswith("vitals.cli") for i in imports(path)), name(path)


def loaded(code):
    script = f"import sys; {code}; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return {module.partition(".")[0] for module in done.stdout.split()}


def test_the_gateway_on_a_pi_loads_three_dependencies():
    modules = loaded("import gateway.service, vitals.mqtt, vitals.cli.stages")
    assert {"bleak", "paho", "msgspec"} <= modules
    heavy = {"numba", "numpy", "scipy", "fastapi", "pydantic", "bumble", "jinja2"}
    assert not modules & heavy


def test_the_gateway_on_a_pi_reads_neither_http_nor_mail_for_its_broker():
    modules = loaded("import vitals.mqtt")
    assert not modules & {"http", "email"}
    later = loaded("import urllib, vitals.mqtt; urllib.request.getproxies()")
    assert {"http", "email"} <= later


def test_alerts_load_apprise_only_for_a_channel_that_needs_it():
    assert "apprise" not in loaded("import alerts.service")
    service = "from alerts.channels.services import Service"
    assert "apprise" in loaded(f"{service}; Service('json://localhost')")


def test_help_needs_no_room():
    modules = loaded("from vitals.cli import parser; parser()")
    assert not modules & set(HOMES)


def test_no_module_is_too_long():
    long = {name(p): n for p in MODULES if (n := len(p.read_text().splitlines())) > 400}
    assert not long
