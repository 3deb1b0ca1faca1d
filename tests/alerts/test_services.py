"""What goes through apprise: e-mail to a real SMTP server, ntfy with its buttons."""

import contextlib
import logging
import mailbox
import socket
import subprocess
import sys
import time
from email import policy
from email.parser import BytesParser

import pytest

from alerts import sheets
from alerts.channels.services import Service, masked
from alerts.letters import Letter
from alerts.messages import Offer
from alerts.sheets import Sheet
from vitals import broker
from vitals.errors import ConfigError, Unavailable

SHEET = Sheet(
    title="新警报,高优先级 · p-7 · 心率偏高 152 /min",
    lead="心率 152 次/分,已持续 240 秒。",
    facts=(("可信度", "高(98%)"), ("限值", "131 /min")),
    advice_label="处理建议",
    advice="请联系患者。",
    links=(("确认", "https://v.example/l/AAA.BBB"),),
    footer="vitals",
    priority="high",
    language="zh",
)
OFFER = Offer(
    open="https://v.example/alerts/e1",
    acknowledge="https://v.example/l/AAA.BBB",
    snooze="https://v.example/l/SSS.TTT",
    minutes=15,
)
LETTER = Letter(sheet=SHEET, offer=OFFER, key="e1-1")


@pytest.fixture
def log():
    """What an operator's log would hold; `caplog` also listens where none does."""
    lines = []

    class Handler(logging.Handler):
        def emit(self, record):
            lines.append(record.getMessage())

    root, handler = logging.getLogger(), Handler()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.fixture
def post_office(tmp_path):
    """A real SMTP server as a process of its own, that keeps letters in a Maildir."""
    port, folder = broker.free_port(), tmp_path / "mail"
    command = [
        sys.executable, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}",
        "-c", "aiosmtpd.handlers.Mailbox", str(folder),
    ]  # fmt: skip
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        time.sleep(0.05)

    def letters():
        box = mailbox.Maildir(folder)
        parser = BytesParser(policy=policy.default)
        found = [parser.parsebytes(box.get_bytes(key)) for key in sorted(box.keys())]
        box.close()
        return found

    yield f"127.0.0.1:{port}", letters
    server.terminate()
    server.wait()


@pytest.mark.slow
def test_a_real_mail_server_receives_the_letter_as_text_and_as_html(post_office):
    place, letters = post_office
    url = f"mailto://{place}/?from=vitals@clinic.example&to=dr-chen@clinic.example"
    Service(url).send(LETTER)
    [mail] = letters()
    assert mail["subject"] == SHEET.title
    assert mail["to"].addresses[0].addr_spec == "dr-chen@clinic.example"
    assert mail["from"].addresses[0].addr_spec == "vitals@clinic.example"
    assert mail.get_content_type() == "multipart/alternative"
    html = mail.get_body(["html"]).get_content()
    assert html.strip() == sheets.html(SHEET)
    text = mail.get_body(["plain"]).get_content()
    address = SHEET.links[0][1]
    for said in (SHEET.lead, "可信度: 高(98%)", SHEET.advice, f"确认: {address}"):
        assert said in text
    assert "<" not in text


@pytest.mark.slow
def test_a_mail_server_that_is_not_there_is_unavailable_and_nothing_is_told(log):
    url = (
        f"mailto://bob77:pw-s3cret@127.0.0.1:{broker.free_port()}/"
        "?from=vitals@clinic.example&to=dr-chen@clinic.example&mode=insecure"
    )
    with pytest.raises(Unavailable) as caught:
        Service(url).send(LETTER)
    for secret in ("s3cret", "bob77", "dr-chen", "clinic.example"):
        assert secret not in str(caught.value)
        assert secret not in str(log)
    assert "152" not in str(log)


def ntfy(server, more=""):
    host = server.url.removeprefix("http://").removesuffix("/hook")
    return Service(f"ntfy://{host}/ward-secret-topic{more}")


def test_c18_ntfy_gets_buttons_that_post_and_one_that_opens(receiver):
    server = receiver(lambda n: 200)
    ntfy(server).send(LETTER)
    [(headers, body)] = server.got
    said = headers["X-Actions"].encode("latin-1").decode()
    assert said == (
        "http, 确认, https://v.example/l/AAA.BBB, method=POST, clear=true; "
        "http, 暂停 15 分钟, https://v.example/l/SSS.TTT, method=POST, clear=true; "
        "view, 在 vitals 中打开, https://v.example/alerts/e1"
    )
    assert headers["X-Priority"] == "max"
    assert headers["X-Click"] == OFFER.open
    assert b"ward-secret-topic" in body


def test_ntfy_without_links_has_no_buttons(receiver):
    server = receiver(lambda n: 200)
    ntfy(server).send(Letter(sheet=SHEET))
    [(headers, _)] = server.got
    assert "X-Actions" not in headers
    assert "X-Click" not in headers


def test_the_same_service_sends_many_letters_without_waiting(receiver):
    """apprise's plugins pause for seconds between two messages of one object."""
    server = receiver(lambda n: 200)
    service, began = ntfy(server), time.monotonic()
    for _ in range(5):
        service.send(LETTER)
    assert len(server.got) == 5
    assert time.monotonic() - began < 15  # they would take more than 20


@pytest.mark.parametrize("status", [301, 400, 403, 429, 500, 503])
def test_what_the_service_refuses_is_unavailable_and_its_topic_stays_secret(
    receiver, status, log
):
    service = ntfy(receiver(lambda n: status), "?auth=token&token=tk_s3cret")
    with pytest.raises(Unavailable) as caught:
        service.send(LETTER)
    said = str(caught.value)
    assert said.startswith("ntfy: ")
    assert str(status) in said  # a redirect is not followed
    for secret in ("ward-secret-topic", "s3cret", "127.0.0.1"):
        assert secret not in said
        assert secret not in str(log)


@pytest.mark.parametrize("url", ["nonsense://s3cret", "s3cret", "", "mailto://"])
def test_a_url_that_apprise_does_not_know_is_one_clear_error(url):
    with pytest.raises(ConfigError) as caught:
        Service(url)
    assert "s3cret" not in str(caught.value)


def test_a_masked_text_has_no_part_of_the_url_however_it_is_quoted():
    url = "mailtos://bob%40x.example:p%2Bw%20d@mail.example/?to=ann@y.example"
    said = "bob@x.example bob%40x.example p+w d p%2Bw%20d mail.example ann y.example"
    assert set(masked(said, url)) <= set("… .@%")
