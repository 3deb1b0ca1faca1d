"""python -m benchmarks.pictures_mail: the e-mail about an alert, as it arrives.

A real SMTP server in a process of its own receives it by apprise; the picture is of the
HTML part of what is in its mailbox, in headless Chromium.
"""

import asyncio
import mailbox
import socket
import subprocess
import sys
import tempfile
import time
from email import policy
from email.parser import BytesParser
from pathlib import Path
from zoneinfo import ZoneInfo

from alerts.channels.services import Service
from alerts.letters import Letter
from alerts.messages import Offer, Reader, message
from benchmarks.pictures import shoot
from tests.portal.test_browser import PHONE, browser
from vitals.model import Alert

NOW = 1_795_300_000_000
VALUES = (118, 121, 126, 133, 138, 141, 144, 148, 152)
ALERT = Alert(
    id="ad75152c3237831412cf73c2",
    subject="p-anna",
    condition="heart_rate_high",
    kind="physiological",
    priority="high",
    state="unacknowledged",
    since=NOW - 240_000,
    t=NOW,
    value=152.0,
    unit="/min",
    evidence={
        "device": "strap-1",
        "limit": 131.0,
        "baseline": 68.2,
        "values": [[NOW - 20_000 + 1000 * n, v] for n, v in enumerate(VALUES)],
        "quality": 0.98,
        "text": "Heart rate 152 /min, at or above 131 for 240 s.",
    },
)
OFFER = Offer(
    open="https://vitals.clinic.example/alerts/e1",
    acknowledge="https://vitals.clinic.example/l/…",
    snooze="https://vitals.clinic.example/l/…",
    minutes=15,
)


def received(letter, folder):
    """Send a letter to a real server; give the HTML part of what it received."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "aiosmtpd", "-n", "-l", place]
    handler = ["-c", "aiosmtpd.handlers.Mailbox", str(folder)]
    server = subprocess.Popen([*command, *handler], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        people = "from=vitals@clinic.example&to=dr-chen@clinic.example"
        Service(f"mailto://{place}/?{people}").send(letter)
    finally:
        server.terminate()
        server.wait()
    [data] = [box.as_bytes() for box in mailbox.Maildir(folder)]
    mail = BytesParser(policy=policy.default).parsebytes(data)
    print(mail["subject"], mail.get_body(["plain"]).get_content(), sep="\n")
    return mail.get_body(["html"]).get_content()


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)


async def main():
    with tempfile.TemporaryDirectory() as name:
        async with browser(Path(name)) as tab:
            reader = Reader(language="en", zone=ZoneInfo("UTC"))
            sheet = message(ALERT, "opened", reader, OFFER, NOW)
            letter = Letter(sheet=sheet, offer=OFFER, key="e1-1")
            page = Path(name) / "mail.html"
            page.write_text(received(letter, Path(name) / "mail"))
            await tab.size(*PHONE)
            await tab.call("Page.navigate", url=page.as_uri())
            await shoot(tab, "mail", PHONE)


if __name__ == "__main__":
    asyncio.run(main())
