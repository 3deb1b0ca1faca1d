"""`vitals channel`."""

import pytest

from vitals.__main__ import main


@pytest.fixture
def house(tmp_path, chat):
    """A configuration with two channels, and what each of them answers."""

    def make(answer=b'{"errcode":0}'):
        server = chat(answer)
        (tmp_path / "group.url").write_text(
            f"dingtalk://SECs3cret@tok1?base={server.url}\n"
        )
        (tmp_path / "gone.url").write_text("ntfy://127.0.0.1:1/s3cret-topic\n")
        file = tmp_path / "vitals.toml"
        file.write_text(
            f"""
            data = "{tmp_path}/data"
            [[alerts.channels]]
            name = "group"
            url_file = "{tmp_path}/group.url"
            language = "zh"
            next = "gone"
            [[alerts.channels]]
            name = "gone"
            url_file = "{tmp_path}/gone.url"
            content = "full"
            """
        )
        return server, str(file)

    return make


@pytest.fixture
def chat():
    """Start a chat's server that keeps what it gets."""
    import json
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    started = []

    def start(answer):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                size = int(self.headers["Content-Length"])
                server.got.append(json.loads(self.rfile.read(size)))
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        server.got, server.url = [], f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_test_message_says_that_it_is_one_and_was_accepted(house, capsys):
    server, file = house()
    assert main(["channel", "--config", file, "test", "group"]) == 0
    assert capsys.readouterr().out == (
        "group: accepted; look whether the message has arrived\n"
    )
    [body] = server.got
    assert "测试" in body["text"]["content"]


def test_a_refusal_is_one_clear_line_without_a_secret(house, capsys):
    _, file = house(b'{"errcode":310000,"errmsg":"tok1"}')
    assert main(["channel", "--config", file, "test", "group"]) == 1
    assert (
        capsys.readouterr().err == "vitals: not accepted: dingtalk: refused, 310000\n"
    )
    assert main(["channel", "--config", file, "test", "gone"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("vitals: not accepted: ntfy: ")
    assert "s3cret" not in said


def test_a_channel_that_nobody_has_configured_is_named_with_those_that_are(
    house, capsys
):
    _, file = house()
    assert main(["channel", "--config", file, "test", "pigeon"]) == 1
    assert "'pigeon'" in (said := capsys.readouterr().err)
    assert "group, gone" in said


def test_the_list_says_what_each_channel_says(house, capsys):
    _, file = house()
    assert main(["channel", "--config", file, "list"]) == 0
    log, group, gone = capsys.readouterr().out.splitlines()
    assert log.startswith("log ")
    assert group.split(maxsplit=1) == [
        "group", "a case number and a link, zh, then gone",
    ]  # fmt: skip
    assert gone.split(maxsplit=1) == ["gone", "everything, en"]
