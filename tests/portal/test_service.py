import asyncio
import contextlib
import socket
import time

import httpx
import pytest

from portal.service import run
from vitals import clock, config, wire
from vitals.errors import Unavailable
from vitals.model import HeartRate, Reading


@contextlib.asynccontextmanager
async def served(place, port=0):
    """Run the portal; give its address and its task."""
    address = asyncio.get_running_loop().create_future()
    settings = config.Portal(port=port)
    task = asyncio.create_task(
        run(
            place.bus,
            settings,
            place.sources,
            place.metrics,
            clock.now,
            address.set_result,
        )
    )
    done, _ = await asyncio.wait(
        {task, address}, timeout=10, return_when=asyncio.FIRST_COMPLETED
    )
    if task in done:
        await task
    try:
        yield address.result(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def token(place, name):
    return {"Authorization": f"Bearer {place.people.issue_token(name)}"}


async def beat(place, n, subject="p-1"):
    record = HeartRate(t=clock.now(), hr=60 + n % 40)
    await place.bus.publish(wire.pack(Reading(subject, "strap-1", record)))


def test_a_busy_port_is_one_clear_line(new_place):
    async def main():
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(Unavailable) as error:
                async with served(new_place, port):
                    pass
            text = str(error.value)
            assert str(port) in text
            assert "portal.port" in text
            assert "\n" not in text

    asyncio.run(main())


def test_a_host_that_is_not_ours_is_one_clear_line(new_place):
    async def main():
        settings = config.Portal(host="192.0.2.1", port=0)
        with pytest.raises(Unavailable, match=r"192\.0\.2\.1"):
            await run(
                new_place.bus, settings, new_place.sources, new_place.metrics, clock.now
            )

    asyncio.run(main())


def test_it_says_where_it_is_and_ends_promptly_even_with_open_streams(new_place):
    async def main():
        async with served(new_place) as (url, task), reader() as client:
            assert (await client.get(f"{url}/healthz")).status_code == 200
            headers = token(new_place, "wang")
            async with client.stream(
                "GET", f"{url}/api/v1/events", headers=headers
            ) as s:
                assert s.headers["x-accel-buffering"] == "no"
                assert s.headers["content-type"].startswith("text/event-stream")
                lines = s.aiter_lines()
                assert (await anext(lines)).startswith("retry")
                begun = time.monotonic()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert time.monotonic() - begun < 2
                assert [line async for line in lines][-1] == ""  # ended, not cut
            with pytest.raises(httpx.ConnectError):
                await client.get(f"{url}/healthz")

    asyncio.run(main())


def reader():
    """A client who waits: httpx's five seconds are few on a busy machine."""
    return httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None))


async def listen(client, url, headers, last, count):
    """Read `count` events; give their ids and data."""
    if last:
        headers = headers | {"Last-Event-ID": last}
    ids, data = [], []
    async with client.stream("GET", f"{url}/api/v1/events", headers=headers) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("id: "):
                last = line[4:]
            if line.startswith("data: "):
                ids.append(last)
                data.append(line[6:])
            if len(data) >= count:
                break
    return ids, data


def test_d4_live_events_resume_without_loss_and_hold_nobody_elses(new_place):
    async def main():
        async with served(new_place) as (url, _), reader() as client:
            headers = token(new_place, "wang")
            first = asyncio.create_task(listen(client, url, headers, "", 1))
            while not first.done():
                await beat(new_place, 0)
                await asyncio.sleep(0.02)
            ids, seen = await first
            await asyncio.sleep(0.05)
            for round_ in range(20):
                for n in range(round_ % 3 + 1):
                    await beat(new_place, n)
                    await beat(new_place, n, "p-2")
            await asyncio.sleep(0.05)
            for _ in range(20):
                more, data = await listen(client, url, headers, ids[-1], 2)
                ids += more[:2]
                seen += data[:2]
                if len(ids) >= 39:
                    break
            numbers = [int(i.split("-")[1]) for i in ids]
            assert len(set(numbers)) == len(numbers) >= 39  # none doubled
            assert all('"subject":"p-1"' in text for text in seen)

    asyncio.run(main())


@pytest.mark.slow
def test_a_revoked_token_ends_its_stream(new_place, monkeypatch):
    from portal.routes import events

    monkeypatch.setattr(events, "PING_S", 0.2)

    async def main():
        async with served(new_place) as (url, _), reader() as client:
            headers = token(new_place, "wang")
            async with client.stream(
                "GET", f"{url}/api/v1/events", headers=headers
            ) as s:
                lines = s.aiter_lines()
                await anext(lines)
                new_place.people.revoke(headers["Authorization"].split()[1])
                async with asyncio.timeout(30):
                    rest = [line async for line in lines]
                assert len(rest) < 10

    asyncio.run(main())


@pytest.mark.slow
def test_a_hundred_listeners_each_get_every_event_of_their_own(new_place):
    async def main():
        async with served(new_place) as (url, _), reader() as c:
            headers = [token(new_place, n) for n in ("wang", "li")]
            tasks = [
                asyncio.create_task(listen(c, url, headers[n % 2], "", 200))
                for n in range(100)
            ]
            async with asyncio.timeout(120):
                while (
                    "vitals_portal_event_readers 100"
                    not in (await c.get(f"{url}/metrics")).text
                ):
                    await asyncio.sleep(0.1)
            for n in range(200):
                await beat(new_place, n)
                await beat(new_place, n, "p-2")
                await asyncio.sleep(0.005)
            async with asyncio.timeout(120):
                found = await asyncio.gather(*tasks)
            for n, (ids, data) in enumerate(found):
                whose = f'"subject":"p-{n % 2 + 1}"'
                assert len(set(ids)) == len(data) == 200
                assert all(whose in text for text in data)

    asyncio.run(main())
