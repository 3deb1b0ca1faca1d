"""Who may say what on a real mosquitto with the access list that we ship."""

import asyncio
import contextlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from vitals import Kind, broker, wire
from vitals.bus import matches
from vitals.config import Mqtt
from vitals.mqtt import MqttBus
from vitals.wire import Message

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not broker.find_mosquitto(), reason="apt install mosquitto"),
]
USERS = "vitals", "gw-1", "gw-2"
RECORD = wire.of("p-7", "strap-1", "heart_rate")
OWN = [
    RECORD,
    f"{RECORD}/batch",
    wire.of("p-7", "cuff-1", "blood_pressure"),
    wire.of("p-7", "strap-1", "status"),
    *(wire.gateway_topic("gw-1", leaf) for leaf in ("status", "withdraw", "answer")),
    wire.gateway_topic("gw-1", "assignments"),
    wire.shared_topic("gw-1", "cuff-1"),
]
OTHERS = [
    wire.of("p-7", "plan"),
    wire.of("p-7", "anomaly"),
    wire.of("p-7", "erased"),
    wire.of("p-7", "alert", "a-1"),
    wire.of("p-7", "alert", "a-1", "command"),
    wire.gateway_topic("gw-2", "status"),
    wire.gateway_topic("gw-1", "command"),
    wire.gateway_topic("gw-1", "committed"),
    wire.stage_topic("alerts"),
    wire.DEAD,
]


@pytest.fixture
def guarded(tmp_path):
    """A broker with passwords and our list: who logs in as whom."""

    @contextlib.asynccontextmanager
    async def run(acl="deploy/mosquitto.acl"):
        port, passwords = broker.free_port(), tmp_path / "passwords"
        for user in USERS:
            (tmp_path / user).write_text(user)
            make = "mosquitto_passwd", "-b", *(["-c"] if user == USERS[0] else [])
            subprocess.run([*make, passwords, user, user], check=True)
        shutil.copy(acl, tmp_path / "acl")
        conf = tmp_path / "mosquitto.conf"
        conf.write_text(
            f"listener {port} 127.0.0.1\nuser {tmp_path.owner()}\n"
            f"allow_anonymous false\npassword_file {passwords}\n"
            f"acl_file {tmp_path}/acl\n"
        )
        command = broker.find_mosquitto(), "-c", str(conf)
        child = await asyncio.create_subprocess_exec(*command)
        try:
            yield lambda user: Mqtt(
                port=port, username=user, password_file=str(tmp_path / user)
            )
        finally:
            child.terminate()
            await child.wait()

    return run


async def heard(login, speaker, listener, topics, let):
    """Give the topics that `listener` hears when `speaker` says them all.

    What is let through is waited for, and then a little for what should not be.
    """
    async with MqttBus(login(speaker)) as mouth, MqttBus(login(listener)) as ear:
        inbox = ear.subscribe("vitals/v1/#")
        await asyncio.gather(ear.ready(60), mouth.ready(60))
        await asyncio.sleep(0.2)
        found = set()
        saying = [
            asyncio.ensure_future(mouth.publish(Message(topic, b"{}")))
            for topic in topics
        ]
        try:
            while not let <= found:
                found |= {one.message.topic for one in await inbox.take()}
            await asyncio.sleep(1)  # what is refused is tried again
            while len(inbox):
                found |= {one.message.topic for one in await inbox.take()}
        finally:
            for one in saying:
                one.cancel()
            await asyncio.gather(*saying, return_exceptions=True)
        return found


def test_a_gateway_writes_records_and_what_it_says_of_itself(run, guarded):
    async def main():
        async with guarded() as login:
            said = await heard(login, "gw-1", "vitals", OWN, set(OWN))
            assert said == set(OWN)

    run(main())


def test_a_gateway_writes_nobody_elses_word(run, guarded):
    async def main():
        async with guarded() as login:
            topics = [*OTHERS, RECORD]
            said = await heard(login, "gw-1", "vitals", topics, {RECORD})
            assert said == {RECORD}

    run(main())


def test_who_is_let_write_for_one_patient_writes_records_and_states_of_theirs():
    text = Path("deploy/mosquitto.acl").read_text()
    named = re.findall(r"^#   topic write (\S+)$", text, re.M)
    filters = [one.replace("p-1001", "p-7") for one in named]
    theirs = [topic for topic in OWN if not topic.startswith("vitals/v1/gateway/")]
    for topic in (*OTHERS, *OWN, wire.of("p-8", "strap-1", "heart_rate")):
        let = any(matches(one, topic) for one in filters)
        assert let == (topic in theirs), topic
    kinds = {one.removesuffix("/batch").rpartition("/")[2] for one in filters}
    assert kinds == {*Kind, "status"}


def test_a_gateway_reads_only_what_is_said_to_it(run, guarded):
    async def main():
        async with guarded() as login:
            leaves = "committed", "withdrawn", "command"
            mine = {wire.gateway_topic("gw-1", leaf) for leaf in leaves}
            theirs = {wire.gateway_topic("gw-2", leaf) for leaf in leaves}
            topics = [*OTHERS, *theirs, RECORD, *mine]
            said = await heard(login, "vitals", "gw-1", topics, mine)
            assert said == mine

    run(main())


def test_without_the_list_anybody_could(run, guarded, tmp_path):
    (tmp_path / "open").write_text("pattern readwrite vitals/v1/#\n")

    async def main():
        async with guarded(tmp_path / "open") as login:
            said = await heard(login, "gw-1", "vitals", OTHERS, set(OTHERS))
            assert said == set(OTHERS)

    run(main())
