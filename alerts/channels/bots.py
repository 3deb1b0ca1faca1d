"""The robots of WeCom, DingTalk and Feishu, which write into a group of theirs.

All three answer 200 also to what they refuse; only `errcode` or `code` 0 in the answer
is acceptance.  Shapes and signatures: CLINICAL 7; that of Feishu: its documentation of
custom robots (MEM).
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import parse_qs, quote, unquote, urlsplit

from msgspec import DecodeError, Struct, json
from msgspec.structs import replace

from alerts import sheets
from alerts.channels.posting import post
from alerts.letters import Letter
from alerts.sheets import Sheet
from vitals.clock import Clock
from vitals.errors import ConfigError, Unavailable
from vitals.model import Instant

Content = dict[str, object]
HEADERS = {"Content-Type": "application/json; charset=utf-8"}


class Account(Struct, frozen=True, kw_only=True):
    """A robot that somebody has set up in a group."""

    base: str
    token: str
    secret: str = ""  # "": the robot is not told to want a signature


class Kind(Struct, frozen=True, kw_only=True):
    """How one house's robots are spoken to."""

    base: str
    octets: int  # of text that it takes
    signs: bool
    accepted: str  # the field of the answer that is 0
    request: Callable[[Account, str, Instant], tuple[str, Content]]


def wecom(account: Account, text: str, now: Instant) -> tuple[str, Content]:
    """Give URL and body of a text message of a WeCom group robot."""
    url = f"{account.base}/cgi-bin/webhook/send?key={quote(account.token, safe='')}"
    return url, {"msgtype": "text", "text": {"content": text}}


def dingtalk(account: Account, text: str, now: Instant) -> tuple[str, Content]:
    """Give URL and body of a text message of a DingTalk custom robot."""
    token = quote(account.token, safe="")
    url = f"{account.base}/robot/send?access_token={token}"
    if account.secret:
        sign = _signature(account.secret, f"{now}\n{account.secret}")
        url += f"&timestamp={now}&sign={quote(sign, safe='')}"
    return url, {"msgtype": "text", "text": {"content": text}}


def feishu(account: Account, text: str, now: Instant) -> tuple[str, Content]:
    """Give URL and body of a text message of a Feishu (or Lark) custom robot."""
    url = f"{account.base}/open-apis/bot/v2/hook/{quote(account.token, safe='')}"
    body: Content = {"msg_type": "text", "content": {"text": text}}
    if account.secret:
        second = str(now // 1000)
        # Unlike DingTalk's: what is signed is empty, and the rest is the key.
        sign = _signature(f"{second}\n{account.secret}", "")
        body |= {"timestamp": second, "sign": sign}
    return url, body


KINDS = {
    "wecombot": Kind(
        base="https://qyapi.weixin.qq.com",
        octets=2048,
        signs=False,
        accepted="errcode",
        request=wecom,
    ),
    "dingtalk": Kind(
        base="https://oapi.dingtalk.com",
        octets=18_000,
        signs=True,
        accepted="errcode",
        request=dingtalk,
    ),
    "feishu": Kind(
        base="https://open.feishu.cn",
        octets=18_000,
        signs=True,
        accepted="code",
        request=feishu,
    ),
}


class Bot:
    """Sends letters by a robot: `wecombot://KEY`, `dingtalk://[SECRET@]TOKEN`, ….

    `?base=https://…` names another host: a relay, Lark, an installation of one's own.

    Raises
    ------
    ConfigError
        The URL is not one of these; its text is not repeated.
    """

    shared = True
    patience_s = 10.0

    def __init__(self, url: str, clock: Clock) -> None:
        self._kind, self._clock = KINDS[urlsplit(url).scheme], clock
        self._name = urlsplit(url).scheme
        self._account = _account(url, self._kind)

    def send(self, letter: Letter) -> None:
        """Send, and return once it is accepted; blocks."""
        text = fitting(letter.sheet, self._kind.octets)
        url, body = self._kind.request(self._account, text, self._clock())
        answer = post(url, json.encode(body), HEADERS)
        try:
            found = json.decode(answer, type=dict[str, object])
        except DecodeError:
            raise Unavailable(f"{self._name}: what it answers is no JSON") from None
        code = found.get(self._kind.accepted)
        if code != 0 or isinstance(code, bool):
            shown = code if isinstance(code, int) else "without a code"
            raise Unavailable(f"{self._name}: refused, {shown}")


def fitting(sheet: Sheet, octets: int) -> str:
    """Write a message as one text that is not too long; what can be done stays."""
    for shorter in (sheet, replace(sheet, facts=()), replace(sheet, facts=(), lead="")):
        text = f"{shorter.title}\n{sheets.text(shorter)}"
        if len(text.encode()) <= octets:
            return text
    return text.encode()[:octets].decode(errors="ignore")


def _account(url: str, kind: Kind) -> Account:
    """Read a robot's URL."""
    parts = urlsplit(url)
    # `hostname` would be in lower case, and a token is not.
    secret, _, token = parts.netloc.rpartition("@")
    base = parse_qs(parts.query).get("base", [kind.base])[0].rstrip("/")
    plain = parts.path in ("", "/") and urlsplit(base).scheme in ("http", "https")
    if not token or not plain or (secret and not kind.signs):
        form = f"{parts.scheme}://{'[SECRET@]' if kind.signs else ''}TOKEN"
        raise ConfigError(f"the URL of a {parts.scheme} channel looks so: {form}")
    return Account(base=base, token=unquote(token), secret=unquote(secret))


def _signature(key: str, text: str) -> str:
    """Give the base64 HMAC-SHA256 of a text."""
    mac = hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(mac).decode()
