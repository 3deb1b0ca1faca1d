"""Every route x every role x own, other and no patient, from the OpenAPI document."""

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.authorisation import ROLES, TABLE, Person, decide, scope, visible

WHO = ("wang", "mei", "nurse.wu", "dr.lin", "dr.chen", "root")
"""A patient, family that sees a heart rate, nurse, doctor, clinician, administrator."""
OTHERS = frozenset({404})

# What each route answers with one's own patient, by role in the order of WHO.  With
# somebody else's or nobody's it is 404 to everybody, as it is to a stranger 401.
MAY = {
    "look": ({200}, {200}, {200}, {200}, {200}, {404}),
    "see all": ({200}, {404}, {200}, {200}, {200}, {404}),
    "act": ({403}, {404}, {200, 202}, {200, 202}, {200, 202}, {404}),
    "plan": ({403}, {404}, {403}, {200}, {200}, {404}),
    "share": ({200, 201, 204}, {404}, {403}, {403}, {403}, {404}),
    "correct": ({403}, {404}, {404}, {404}, {404}, {404}),  # the example is nobody's
    "write": ({201}, {404}, {201}, {201}, {201}, {404}),
    "own": ({200, 204},) * 6,
    "none for you": ({404},) * 6,  # the example's code is not valid
    "fleet": ({404}, {404}, {200}, {200}, {200}, {200}),
    "people": ({404}, {404}, {404}, {404}, {404}, {200, 201}),
    "burden": ({404}, {404}, {200}, {200}, {200}, {404}),
    "endless": (None,) * 6,  # test_service reads it
}
SPECIFICATION = {
    "get /healthz": "public",
    "get /readyz": "public",
    "get /metrics": "public",
    "post /api/v1/token": "public",
    "delete /api/v1/token": "own",
    "get /api/v1/sessions": "own",
    "delete /api/v1/sessions/{session}": "own",
    "get /api/v1/patients": "own",
    "post /api/v1/patients": "people",
    "get /api/v1/patients/{subject}": "look",
    "get /api/v1/patients/{subject}/trends/{metric}": "look",
    "get /api/v1/patients/{subject}/records": "look",
    "get /api/v1/patients/{subject}/records.csv": "look",
    "get /api/v1/patients/{subject}/notes": "see all",
    "post /api/v1/patients/{subject}/notes": "write",
    "post /api/v1/patients/{subject}/notes/{note}/corrections": "correct",
    "get /api/v1/patients/{subject}/limits": "see all",
    "put /api/v1/patients/{subject}/limits": "plan",
    "post /api/v1/patients/{subject}/limits/dry_run": "plan",
    "get /api/v1/reports/alerts": "burden",
    "get /api/v1/patients/{subject}/grants": "share",
    "post /api/v1/patients/{subject}/grants": "share",
    "delete /api/v1/patients/{subject}/grants/{grant}": "share",
    "get /api/v1/patients/{subject}/access": "share",
    "post /api/v1/invitations": "none for you",
    "get /api/v1/alerts": "own",
    "get /api/v1/alerts/{id}": "see all",
    "get /api/v1/alerts/{id}/deliveries": "see all",
    "post /api/v1/alerts/{id}/acknowledge": "act",
    "post /api/v1/alerts/{id}/snooze": "act",
    "post /api/v1/alerts/{id}/handover": "act",
    "post /api/v1/alerts/{id}/false_alarm": "act",
    "get /api/v1/gateways": "fleet",
    "get /api/v1/events": "endless",
    "get /api/v1/people": "people",
    "get /api/v1/audit": "people",
}
"""Every route of the API: a new one fails the tests below until it is here."""
SEES_ALL = {"patient", "nurse", "doctor", "clinician"}
SHARED = frozenset({"heart_rate"})
SUBJECT = re.compile(r"(?<![\w-])p-\d+(?![\w-])")  # and not a piece of a random token


@given(st.sampled_from(ROLES), st.sets(st.sampled_from("abc")), st.sampled_from("abcd"))
def test_what_is_not_in_the_table_is_denied(role, subjects, subject):
    person = Person("x", role, frozenset(subjects), {"c": SHARED})
    for deed in ("read", "act", "plan", "something else"):
        verdict = decide(person, deed, subject)
        if subject not in subjects or role not in SEES_ALL:
            assert verdict == "hidden"
        else:
            mine = "own" if role == "patient" else "assigned"
            assert (verdict == "allowed") == (deed in TABLE[role, mine])


@pytest.mark.parametrize(
    ("role", "deeds"),
    [
        ("patient", {"read", "view", "share"}),
        ("family", set()),
        ("nurse", {"read", "view", "act"}),
        ("doctor", {"read", "view", "act", "plan"}),
        ("clinician", {"read", "view", "act", "plan"}),
        ("admin", set()),
    ],
)
def test_d7_each_role_may_do_this_with_its_own_patients_and_no_more(role, deeds):
    every = ("read", "view", "act", "plan", "share", "keep", "fleet", "people")
    person = Person("x", role, frozenset({"p-1"}))
    done = {deed for deed in every if decide(person, deed, "p-1") == "allowed"}
    assert done == deeds
    keeper = decide(person, "keep", "p-2") == "allowed"
    assert keeper == (role == "admin")
    assert all(decide(person, d, "p-2") == "hidden" for d in every if d != "keep")


def test_what_is_shared_is_a_part_and_never_everything():
    for role in ROLES:
        person = Person("x", role, frozenset(), {"p-1": SHARED})
        assert decide(person, "read", "p-1") == "hidden"
        assert visible(person) == frozenset()
        seen = scope(person, "p-1")
        assert seen == (SHARED if role in ("family", "patient") else frozenset())


def test_an_administrator_sees_nobody():
    assert visible(Person("root", "admin", frozenset({"p-1"}))) == frozenset()


def expected(method, path, who, whose):
    """The whole specification: what a cell of the matrix must answer."""
    rule = SPECIFICATION[f"{method} {path}"]
    if rule == "public":
        return {200}
    if who is None:
        return {401}
    if "{" in path and whose != "own":
        return OTHERS
    return MAY[rule][WHO.index(who)]


def cells(document):
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for who in (None, *WHO):
                for whose in ("own", "other", "none") if "{" in path else ("own",):
                    yield path, method, operation, who, whose


def admit_all(place):
    """Let one of each role in, and let the patient share their heart rate."""
    people = place.people
    people.add("nurse.wu", None, "nurse", subjects=["p-1"])
    people.add("dr.lin", None, "doctor", subjects=["p-1"])
    people.add("mei", None, "family")
    _, code = people.grants.invite("p-1", "daughter", ["heart_rate"], 30)
    people.grants.accept(code, "mei")


def sessions(place, who):
    """Give the id of a session: of this person."""
    place.people.issue_token(who)
    return place.people.tokens.sessions(who)[0].id


def names(place, who, whose):
    subject = {"own": "p-1", "other": "p-2", "none": "p-99"}[whose]
    alert = {"own": "mine", "other": "theirs", "none": "nothing"}[whose]
    grant, _ = place.people.grants.invite(subject, "somebody", ["glucose"], 1)
    owner = {"own": who or "li", "other": "li", "none": None}[whose]
    session = sessions(place, owner) if owner else "nothing"
    fields = {"subject": subject, "id": alert, "metric": "heart_rate"}
    fields |= {"note": 1 << 40}
    return fields | {"grant": grant.id, "session": session}


def body(operation):
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        media = content["application/json"]
        examples = media["schema"].get("examples") or media.get("examples")
        return {"json": examples[0]}
    if content:
        return {"data": {"username": "wang", "password": "correct horse battery"}}
    return {}


async def ask(place, cell):
    path, method, operation, who, whose = cell
    url = path.format(**names(place, who, whose))
    if "kind" in [p["name"] for p in operation.get("parameters", ())]:
        url += "?kind=heart_rate"
    async with place.client(who) as client:
        return await client.request(method, url, **body(operation))


def test_every_route_of_the_api_is_specified(place):
    found = {
        f"{method} {path}"
        for path, operations in place.app.openapi()["paths"].items()
        for method in operations
    }
    assert found == set(SPECIFICATION)


SEES = {
    None: set(),
    "wang": {"p-1"},
    "mei": {"p-1"},
    "nurse.wu": {"p-1"},
    "dr.lin": {"p-1"},
    "dr.chen": {"p-1", "p-3"},
}


@pytest.mark.slow
def test_d7_every_cell_of_the_table_of_roles_and_routes_answers_as_specified(
    place, story
):
    async def main():
        admit_all(place)
        for subject in ("p-1", "p-2", "p-3"):
            place.store.write(story.day(subject, story.NOW, hours=1))
        async with place.open():
            await place.tell()
            seen = 0
            for cell in cells(place.app.openapi()):
                path, method, _, who, whose = cell
                for subject, name in (("p-1", "mine"), ("p-2", "theirs")):
                    if place.board.alert(name) is None:
                        place.clock.now += 1000
                        await place.raise_alert(subject, name)
                wanted = expected(method, path, who, whose)
                if wanted is None:
                    continue
                answer = await ask(place, cell)
                where = (method, path, who, whose, answer.text[:300])
                assert answer.status_code in wanted, where
                if who in SEES:
                    mentioned = set(SUBJECT.findall(answer.text))
                    assert mentioned <= SEES[who], where
                if answer.status_code >= 400:
                    kind = answer.headers["content-type"]
                    assert kind == "application/problem+json"
                    assert answer.json()["status"] == answer.status_code
                seen += 1
            assert seen > 350
            print(f"{seen} cells as specified")

    asyncio.run(main())


def test_another_patients_pages_do_not_exist(place, story):
    async def main():
        place.store.write(story.day("p-2", story.NOW, hours=1))
        async with place.open():
            await place.raise_alert("p-2", "theirs")
            for who in ("wang", "dr.chen", "root"):
                async with place.client(who) as client:
                    html = {"Accept": "text/html"}
                    theirs = await client.get("/patients/p-2", headers=html)
                    nobodys = await client.get("/patients/p-99", headers=html)
                    assert theirs.status_code == nobodys.status_code == 404
                    assert theirs.text == nobodys.text
                    post = await client.post("/alerts/theirs/acknowledge", headers=html)
                    assert post.status_code == 404
                    front = await client.get("/", headers=html)
                    assert front.status_code == 200
                    if who == "root":  # keeps the people, sees no vital signs
                        assert "data-stream" not in front.text
                    else:
                        assert "p-2" not in front.text
            assert place.board.alert("theirs").state == "unacknowledged"

    asyncio.run(main())
