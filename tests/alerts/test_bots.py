"""The robots of WeCom, DingTalk and Feishu against a local server (CLINICAL 7)."""

import base64
import hashlib
import hmac
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from alerts import sheets
from alerts.channels.bots import KINDS, Bot, fitting
from alerts.letters import Letter
from alerts.sheets import Sheet
from vitals.errors import ConfigError, Unavailable

NOW = 1_795_300_000_123
LETTER = Letter(
    sheet=Sheet(
        title="New alert, high priority · Case 4T1N-0D36",
        lead="请登录后查看。",
        links=(("Open in vitals", "https://v.example/alerts/e1"),),
    ),
    key="e1-1",
)
TEXT = f"{LETTER.sheet.title}\n{sheets.text(LETTER.sheet)}"
ACCEPTED = {"wecombot": {"errcode": 0, "errmsg": "ok"},
            "dingtalk": {"errcode": 0, "errmsg": "ok"},
            "feishu": {"code": 0, "msg": "success"}}  # fmt: skip
REFUSED = {"wecombot": {"errcode": 93000, "errmsg": "invalid webhook url"},
           "dingtalk": {"errcode": 310000, "errmsg": "sign not match"},
           "feishu": {"code": 19021, "msg": "sign match fail"}}  # fmt: skip


class Group:
    """A chat's server: keeps what it is sent, answers 200 and what the test says."""

    def __init__(self):
        self.got, self.answer, self.status = [], b"{}", 200
        group = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                group.got.append((self.path, dict(self.headers), json.loads(body)))
                self.send_response(group.status)
                self.send_header("Content-Length", str(len(group.answer)))
                self.end_headers()
                self.wfile.write(group.answer)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def group():
    group = Group()
    yield group
    group.close()


def bot(kind, group, account="tok-EN1", **answer):
    group.answer = json.dumps(answer or ACCEPTED[kind]).encode()
    return Bot(f"{kind}://{account}?base={group.url}", lambda: NOW)


def test_c17_wecom_gets_text_by_its_key(group):
    bot("wecombot", group).send(LETTER)
    [(path, headers, body)] = group.got
    assert path == "/cgi-bin/webhook/send?key=tok-EN1"
    assert body == {"msgtype": "text", "text": {"content": TEXT}}
    assert headers["Content-Type"] == "application/json; charset=utf-8"


def test_c17_dingtalk_gets_text_signed_as_clinical_7_says(group):
    bot("dingtalk", group, "SECab%2Bcd@TokEN1").send(LETTER)
    [(path, _, body)] = group.got
    assert urlsplit(path).path == "/robot/send"
    asked = parse_qs(urlsplit(path).query)
    # The reference, spelled out: base64(HMAC-SHA256(secret, timestamp \n secret)).
    mac = hmac.new(b"SECab+cd", f"{NOW}\nSECab+cd".encode(), hashlib.sha256)
    assert asked == {
        "access_token": ["TokEN1"],
        "timestamp": [str(NOW)],
        "sign": [base64.b64encode(mac.digest()).decode()],
    }
    assert body == {"msgtype": "text", "text": {"content": TEXT}}


def test_dingtalk_without_a_secret_is_not_signed(group):
    bot("dingtalk", group).send(LETTER)
    assert group.got[0][0] == "/robot/send?access_token=tok-EN1"


def test_c17_feishu_gets_text_and_a_signature_of_its_own_kind(group):
    bot("feishu", group, "s3cret@tok-EN1").send(LETTER)
    [(path, _, body)] = group.got
    assert path == "/open-apis/bot/v2/hook/tok-EN1"
    mac = hmac.new(f"{NOW // 1000}\ns3cret".encode(), b"", hashlib.sha256)
    assert body == {
        "msg_type": "text",
        "content": {"text": TEXT},
        "timestamp": str(NOW // 1000),
        "sign": base64.b64encode(mac.digest()).decode(),
    }
    bot("feishu", group).send(LETTER)
    assert group.got[1][2] == {"msg_type": "text", "content": {"text": TEXT}}


@pytest.mark.parametrize("kind", KINDS)
def test_the_hosts_are_those_of_clinical_7(kind):
    hosts = {
        "wecombot": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=t",
        "dingtalk": "https://oapi.dingtalk.com/robot/send?access_token=t",
        "feishu": "https://open.feishu.cn/open-apis/bot/v2/hook/t",
    }
    found = Bot(f"{kind}://t", lambda: NOW)
    url, _ = KINDS[kind].request(found._account, "x", NOW)
    assert url == hosts[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_that_comes_with_200_is_no_acceptance(kind, group):
    code = next(iter(REFUSED[kind].values()))
    with pytest.raises(Unavailable, match=f"{kind}: refused, {code}"):
        bot(kind, group, **REFUSED[kind]).send(LETTER)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "answer", [b"", b"<html>", b"[]", b'{"ok":1}', b'{"errcode":false,"code":"0"}']
)
def test_an_answer_that_nobody_expects_is_no_acceptance(kind, group, answer):
    found = bot(kind, group)
    group.answer = answer
    with pytest.raises(Unavailable):
        found.send(LETTER)


@pytest.mark.parametrize("kind", ["dingtalk", "wecombot"])
def test_negative_control_apprise_takes_a_refusal_for_acceptance(kind, group):
    """Why these robots are ours: the plugins look at the status alone."""
    from alerts.channels.services import Service

    plugin = Service(f"{kind}://token1")._apprise.Apprise.instantiate(
        f"{kind}://token1"
    )
    # Its own public attributes name the host.
    plugin.notify_url, plugin.api_url = f"{group.url}/?x={{token}}", group.url
    group.answer = json.dumps(REFUSED[kind]).encode()
    assert plugin.notify(title="T", body="B") is True
    assert len(group.got) == 1


def test_negative_control_apprise_encodes_the_signature_of_dingtalk_twice(group):
    from alerts.channels.services import Service

    url = "dingtalk://SECabc@token1"
    plugin = Service(url)._apprise.Apprise.instantiate(url)
    plugin.notify_url = f"{group.url}/robot/send?access_token={{token}}"
    group.answer = b'{"errcode":0}'
    plugin.notify(title="T", body="B")
    asked = parse_qs(urlsplit(group.got[0][0]).query)
    t, [sign] = asked["timestamp"][0], asked["sign"]
    mac = hmac.new(b"SECabc", f"{t}\nSECabc".encode(), hashlib.sha256).digest()
    right = base64.b64encode(mac).decode()
    assert sign != right
    assert unquote(sign) == right


def test_what_is_too_long_loses_its_facts_and_keeps_what_can_be_done():
    facts = tuple((f"Fact {n}", "很长的内容" * 30) for n in range(20))
    sheet = Sheet(
        title="标题",
        lead="正文",
        facts=facts,
        links=(("确认", "https://v.example/l/AAA"),),
    )
    text = fitting(sheet, 2048)
    assert len(text.encode()) <= 2048
    assert "标题" in text
    assert "正文" in text
    assert "https://v.example/l/AAA" in text
    cut = fitting(Sheet(title="标" * 2000), 2048)
    assert 2045 <= len(cut.encode()) <= 2048
    assert set(cut) == {"标"}


@pytest.mark.parametrize(
    "url",
    ["wecombot://", "wecombot://s3cret@key", "dingtalk://tok/13800000000",
     "feishu://?base=https://x", "feishu://tok?base=ftp://x"],
)  # fmt: skip
def test_a_url_that_is_none_is_one_clear_error_that_repeats_no_secret(url):
    with pytest.raises(ConfigError) as caught:
        Bot(url, lambda: NOW)
    assert "s3cret" not in str(caught.value)
    assert "TOKEN" in str(caught.value)


def test_neither_token_nor_secret_is_in_the_log_or_an_error(group, caplog):
    caplog.set_level(logging.DEBUG)
    for kind in KINDS:
        account = "s3cret@tok-EN1" if KINDS[kind].signs else "tok-EN1"
        with pytest.raises(Unavailable) as caught:
            bot(kind, group, account, **REFUSED[kind]).send(LETTER)
        assert "tok-EN1" not in str(caught.value)
        assert "s3cret" not in str(caught.value)
    assert "tok-EN1" not in caplog.text
    assert "s3cret" not in caplog.text
