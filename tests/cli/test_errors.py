"""Whatever the operator gets wrong is one line on stderr that says what to do."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from vitals import broker, config
from vitals.cli import parser

ROOT = Path(__file__).parent.parent.parent


def vitals(*arguments, stdin=""):
    command = [sys.executable, "-m", "vitals", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, input=stdin, timeout=180, cwd=ROOT
    )


def refused(*arguments, stdin=""):
    """Run a command that must fail with one line; give the line."""
    done = vitals(*arguments, stdin=stdin)
    assert done.returncode == 1, done
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("vitals: ")
    return line


@pytest.fixture
def toml(tmp_path):
    def write(text=""):
        path = tmp_path / "vitals.toml"
        path.write_text(f'data = "{tmp_path / "data"}"\n{text}')
        return path

    return write


def test_a_missing_configuration(tmp_path):
    line = refused("run", "ingest", "--config", tmp_path / "none.toml")
    assert "deploy/vitals.toml" in line


def test_an_unknown_key_is_named_with_its_path(toml):
    line = refused("run", "ingest", "--config", toml("[gateway]\nnmae = 'x'"))
    assert "gateway.nmae: unknown key" in line


def test_a_busy_port_is_named(toml):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        text = f"[sim]\nport = {port}"
        assert str(port) in refused("run", "sim", "--config", toml(text))


@pytest.mark.slow
def test_a_demo_on_a_busy_port_says_so(tmp_path):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        arguments = ("demo", "--port", port, "--seconds", 5, "--data", tmp_path)
        assert str(port) in refused(*arguments)


def test_a_missing_broker_is_named(toml):
    text = f"[mqtt]\nport = {broker.free_port()}"
    line = refused("record", "-", "--config", toml(text))
    assert "no MQTT broker at 127.0.0.1" in line
    assert "apt install mosquitto" in line


@pytest.mark.parametrize("stage", ["dsp", "portal", "sim"])
def test_a_missing_extra_is_named(toml, stage):
    blocked = "numpy", "uvicorn", "bumble", "fastapi"
    script = f"import sys; sys.modules.update(dict.fromkeys({blocked}))"
    script += f"; sys.argv = ['vitals', 'run', '{stage}', '--config', '{toml()}']"
    script += "; from vitals.__main__ import main; sys.exit(main())"
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=180, cwd=ROOT
    )
    assert done.returncode == 1
    assert "pip install 'vitals[" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_binary_configuration_is_one_line():
    assert "UTF-8" in refused("doctor", "--config", sys.executable)


def test_an_impossible_data_folder_is_one_line(tmp_path):
    data = tmp_path / "there"
    data.write_text("a file")
    toml = tmp_path / "vitals.toml"
    toml.write_text(f'data = "{data}"')
    assert str(data) in refused("user", "--config", toml, "list")


def test_what_we_write_is_for_our_eyes(toml, tmp_path):
    path = toml()
    arguments = ("user", "--config", path, "add", "dr-chen", "--role", "clinician")
    vitals(*arguments, stdin="a long password")
    modes = {p.name: p.stat().st_mode & 0o077 for p in (tmp_path / "data").iterdir()}
    assert modes
    assert not any(modes.values()), modes


def test_an_unknown_user_is_named(toml):
    line = refused("user", "--config", toml(), "passwd", "nobody", stdin="x" * 12)
    assert "nobody" in line
    assert "vitals user list" in line


def test_a_short_password_is_refused(toml):
    path = toml()
    arguments = ("user", "--config", path, "add", "anna", "--role", "patient")
    refused(*arguments, "--subject", "p-1", stdin="short")
    assert "anna" not in vitals("user", "--config", path, "list").stdout


def test_a_folder_without_a_store_cannot_be_exported(tmp_path):
    assert "store.db" in refused("export", "--data", tmp_path)


def test_a_bad_recorded_heart_is_named_with_its_line(tmp_path):
    path = tmp_path / "heart.rr"
    path.write_text("812\nfast\n")
    line = refused("demo", "--rr", path, "--seconds", 5, "--port", 0)
    assert "2" in line
    assert "fast" in line


def test_a_user_can_be_added_and_listed(toml):
    path = toml()
    arguments = ("user", "--config", path, "add", "dr-chen", "--role", "clinician")
    done = vitals(*arguments, "--patients", "p-1", "p-2", stdin="a long password")
    assert done.returncode == 0, done.stderr
    assert "dr-chen" in vitals("user", "--config", path, "list").stdout


def test_wrong_usage_is_exit_code_2():
    assert vitals("fly").returncode == 2


@pytest.mark.parametrize(
    "command", ["demo", "run", "record", "replay", "export", "doctor", "user"]
)
def test_every_command_helps(command, capsys):
    with pytest.raises(SystemExit) as end:
        parser().parse_args([command, "--help"])
    assert end.value.code == 0
    assert "usage: vitals" in capsys.readouterr().out


def test_the_sample_configuration_loads_and_names_every_key():
    path = ROOT / "deploy" / "vitals.toml"
    config.load(path)
    text = path.read_text()
    for section in ("Mqtt", "Gateway", "Sim", "Store", "Dsp", "Alerts", "Portal"):
        for field in getattr(config, section).__struct_fields__:
            assert field in text, f"{section}.{field} is not in the sample"
