from portal.events import EventLog

P1 = frozenset({"p-1"})


def read(log, last_id="", subjects=P1):
    with log.follow(subjects, last_id) as follower:
        return log.news(follower).decode()


def ids(text):
    return [line[4:] for line in text.splitlines() if line.startswith("id: ")]


def test_a_reader_goes_on_where_they_were():
    log = EventLog(1000)
    for n in range(5):
        log.append("p-1", "record", b"%d" % n)
    assert ids(read(log, "1000-2")) == ["1000-3", "1000-4", "1000-5"]
    assert read(log, "1000-5") == ""


def test_a_new_reader_starts_now():
    log = EventLog(1000)
    log.append("p-1", "record", b"0")
    with log.follow(P1, "") as follower:
        assert log.news(follower) == b""
        log.append("p-1", "alert", b"1")
        assert log.news(follower) == b"id: 1000-2\nevent: alert\ndata: 1\n\n"
        assert log.news(follower) == b""


def test_a_reader_gets_and_is_woken_by_their_own_subjects_only():
    log = EventLog(1000)
    with log.follow(P1, "") as follower:
        log.news(follower)
        log.append("p-2", "record", b"0")
        assert not follower.woken.is_set()
        log.append("p-1", "record", b"1")
        assert follower.woken.is_set()
        assert ids(log.news(follower).decode()) == ["1000-2"]
    assert len(log) == 0


def test_d4_a_reader_who_was_away_too_long_is_told_so_and_gets_what_is_left():
    log = EventLog(1000, remembered=3)
    for n in range(9):
        log.append("p-1", "record", b"%d" % n)
    assert "reset" not in read(log, "1000-6")
    text = read(log, "1000-5")
    assert text.startswith("event: reset\nid: 1000-6\n")
    assert ids(text) == ["1000-6", "1000-7", "1000-8", "1000-9"]


def test_an_id_of_another_life_or_none_of_ours_is_a_reset():
    log = EventLog(1000)
    log.append("p-1", "record", b"0")
    for last in ("999-1", "1000-2", "1000-", "x", "1000--1", "1000-" + "9" * 30, "1-²"):
        assert read(log, last).startswith("event: reset"), last


def test_d4_every_event_comes_once_over_twenty_reconnections():
    log, last, seen = EventLog(1000), "", []
    with log.follow(P1, "") as follower:
        log.append("p-1", "record", b"0")
        seen += ids(log.news(follower).decode())
    for n in range(20):
        last = seen[-1]
        for _ in range(n % 4 + 1):
            log.append("p-1", "record", b"0")
            log.append("p-2", "record", b"0")
        seen += ids(read(log, last))
    numbers = [int(s.split("-")[1]) for s in seen]
    assert len(numbers) == len(set(numbers)) == 1 + sum(n % 4 + 1 for n in range(20))


def test_what_happens_to_others_makes_nobody_read_anew():
    log = EventLog(1, remembered=3)
    with log.follow(frozenset({"a"}), "") as follower:
        log.news(follower)
        for _ in range(5):
            log.append("b", "record", b"{}")
        log.append("a", "record", b"{}")
        news = log.news(follower)
    assert b"reset" not in news
    assert news.count(b"event: record") == 1


def test_who_has_seen_no_event_yet_resumes_from_the_greeting():
    log = EventLog(1000)
    with log.follow(P1, "") as follower:
        greeting = log.id(follower.number)
    log.append("p-1", "record", b"0")
    assert ids(read(log, greeting)) == ["1000-1"]


def test_what_a_quiet_reader_has_left_behind_is_no_loss_when_they_are_woken():
    log = EventLog(1, remembered=3)
    with log.follow(P1, "") as reader:
        assert log.news(reader) == b""
        for _ in range(9):
            log.append("p-2", "record", b"{}")
        reader.woken.set()  # by a timer
        assert log.news(reader) == b""
        for _ in range(9):
            log.append("p-2", "record", b"{}")
        log.append("p-1", "record", b"mine")
        assert log.news(reader) == b"id: 1-19\nevent: record\ndata: mine\n\n"


def test_a_reader_who_waits_too_long_with_news_is_told_so():
    log = EventLog(1, remembered=3)
    with log.follow(P1, "") as reader:
        log.news(reader)
        for _ in range(4):
            log.append("p-1", "record", b"{}")
        assert log.news(reader).startswith(b"event: reset\n")


def test_who_is_let_see_another_sees_them_from_then_on_only():
    log = EventLog(1)
    with log.follow(P1, "") as reader:
        log.news(reader)
        log.append("p-2", "record", b"before")
        log.change(reader, frozenset({"p-2"}), {})
        log.append("p-2", "record", b"after")
        log.append("p-1", "record", b"no longer")
        assert reader.woken.is_set()
        news = log.news(reader)
    assert b"after" in news
    assert b"before" not in news
    assert b"no longer" not in news
    assert not log._of


def test_all_with_the_same_rights_read_the_same_bytes():
    log, scope = EventLog(1), frozenset({"heart_rate"})
    data = b'{"kind":"heart_rate","values":{"hr":72,"energy":9}}'
    with (
        log.follow(frozenset(), "", {"p-1": scope}) as one,
        log.follow(frozenset(), "", {"p-1": scope}) as other,
    ):
        log.append("p-1", "record", data)
        found = [log.take(reader)[0].data for reader in (one, other)]
    assert found[0] is found[1]
    assert b"energy" not in found[0]


def test_what_is_forgotten_of_a_patient_breaks_no_readers_stream():
    log, scope = EventLog(1000), {"p-1": frozenset({"heart_rate"})}
    for name in ("record", "batch", "alert"):
        log.append("p-1", name, b'{"kind":"heart_rate","values":{}}')
    log.append("p-2", "record", b"2")
    log.forget("p-1")
    with log.follow(frozenset({"p-2"}), "1000-0", scope) as follower:
        assert ids(log.news(follower).decode()) == ["1000-4"]
    assert read(log, "1000-0") == ""
