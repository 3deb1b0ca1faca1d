import asyncio


def test_who_is_told_by_what_is_for_who_cares_and_for_others_that_it_is_told(place):
    async def main():
        async with place.open():
            await place.raise_alert()
            for _ in range(500):
                if place.history.deliveries("e1")[0].state == "delivered":
                    break
                await asyncio.sleep(0.01)
            place.people.add("mei", None, "family")
            _, code = place.people.grants.invite("p-1", "daughter", ["alerts"], 30)
            place.people.grants.accept(code, "mei")
            for name, channel in (("dr.chen", "log"), ("wang", ""), ("mei", "")):
                async with place.client(name) as client:
                    answer = await client.get("/api/v1/alerts/e1/deliveries")
                [told] = answer.json()["items"]
                assert (told["channel"], told["state"], told["why"]) == (
                    channel, "delivered", "opened",
                )  # fmt: skip
                assert told["due"] is None
                assert told["tried"].endswith("Z")
            async with place.client("dr.zhou") as other:
                answer = await other.get("/api/v1/alerts/e1/deliveries")
                assert answer.status_code == 404

    asyncio.run(main())
