import asyncio
import hashlib
import hmac
import logging

import pytest

from alerts.channels import LogChannel, Notice, Webhook, opening
from alerts.links import Links
from vitals import wire
from vitals.channels import Channel
from vitals.config import Alerts
from vitals.errors import ConfigError, Unavailable
from vitals.model import Alert

ALERT = Alert(
    id="a-1",
    subject="p-7",
    condition="heart_rate_high",
    kind="physiological",
    priority="high",
    state="unacknowledged",
    since=5,
    t=6,
    value=151.5,
    unit="/min",
)
NOTICE = Notice(
    alert="a-1",
    version=3,
    channel="any",
    why="opened",
    body=wire.encode(ALERT),
    created=6,
    attempts=0,
)


@pytest.fixture(params=["log", "webhook", "robot", "service"])
def channel(request, receiver, tmp_path):
    """Every channel that accepts what it is told."""

    def messenger(url):
        (tmp_path / "url").write_text(url)
        settings = Channel(name="any", url_file=str(tmp_path / "url"))
        return opening.messenger(settings, Alerts(), Links(b"", "", 12), lambda: 7)

    def host(server):
        return server.url.removeprefix("http://").removesuffix("/hook")

    make = {
        "log": LogChannel,
        "webhook": lambda: Webhook(receiver().url, "secret"),
        "robot": lambda: messenger(
            f"wecombot://key?base=http://{host(receiver(ok, ACCEPTED))}"
        ),
        "service": lambda: messenger(f"ntfy://{host(receiver(ok))}/topic"),
    }
    channel = make[request.param]()
    yield channel
    channel.close()


ACCEPTED = b'{"errcode":0}'


def ok(n):
    return 200


@pytest.fixture
def webhook(receiver):
    opened = []

    def make(behave, secret=""):
        server = receiver(behave)
        opened.append(Webhook(server.url, secret))
        return server, opened[-1]

    yield make
    for hook in opened:
        hook.close()


def test_a_channel_has_a_name_and_hears_of_every_call(channel):
    assert channel.name
    assert channel.hears >= {
        "opened", "alarm", "rise", "relapse", "unshelve", "returned",
    }  # fmt: skip


def test_a_channel_returns_once_it_is_told_also_many_at_once(channel, run):
    async def main():
        await asyncio.gather(*(channel.tell(NOTICE) for _ in range(20)))

    run(main())


def test_a_channel_may_be_closed_twice(channel):
    channel.close()


def test_the_log_names_nobody_and_no_vital_sign(caplog, run):
    with caplog.at_level(logging.INFO):
        run(LogChannel().tell(NOTICE))
    assert caplog.messages == ["alert a-1 heart_rate_high high unacknowledged"]


def test_d5_the_webhook_gets_the_whole_alert_signed_with_a_key_of_its_own(webhook, run):
    server, hook = webhook(lambda n: 200, "s3cret")
    run(hook.tell(NOTICE))
    [(headers, body)] = server.got
    assert wire.read(Alert, body) == ALERT
    signature = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert headers["X-Vitals-Signature"] == f"sha256={signature}"
    assert headers["Idempotency-Key"] == "a-1-3"
    assert headers["Content-Type"] == "application/json"


def test_without_a_secret_nothing_is_signed(webhook, run):
    server, hook = webhook(lambda n: 200)
    run(hook.tell(NOTICE))
    assert "X-Vitals-Signature" not in server.got[0][0]


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 429, 500, 503])
def test_all_but_2xx_is_not_accepted_and_a_redirect_is_not_followed(
    webhook, run, status
):
    server, hook = webhook(lambda n: status)
    with pytest.raises(Unavailable, match=str(status)):
        run(hook.tell(NOTICE))
    assert len(server.got) == 1


def test_a_server_that_is_not_there_is_unavailable_and_its_url_stays_secret(run):
    hook = Webhook("http://127.0.0.1:1/token-in-the-path")
    with pytest.raises(Unavailable) as caught:
        run(hook.tell(NOTICE))
    assert "token" not in str(caught.value)
    hook.close()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/", "hook", "http://"])
def test_a_webhook_must_be_http(url):
    with pytest.raises(ConfigError):
        Webhook(url)


@pytest.mark.slow
def test_a_server_that_hangs_is_unavailable_after_five_seconds(webhook, run):
    server, hook = webhook(lambda n: 60.0)
    with pytest.raises(Unavailable):
        run(hook.tell(NOTICE), timeout=30)
    assert len(server.got) == 1
