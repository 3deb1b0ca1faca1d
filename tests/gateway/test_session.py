from gateway.session import BACKOFF_S, Command, Event, Session, State


def play(session, events, now):
    return [list(session.handle(event, now)) for event in events]


def test_an_advertisement_leads_to_values():
    session = Session()
    assert play(session, [Event.SEEN, Event.CONNECTED], 0) == [
        [Command.CONNECT],
        [Command.LISTEN],
    ]
    assert session.state is State.STREAMING


def test_each_failure_waits_longer_and_a_value_forgives(at):
    session = Session()
    for pause in (*BACKOFF_S, BACKOFF_S[-1]):
        play(session, [Event.SEEN, Event.LOST], at(0))
        assert session.wake_at == at(pause)
        play(session, [Event.WOKE], at(pause))
    play(session, [Event.SEEN, Event.CONNECTED], at(0))
    session.forgive()
    play(session, [Event.LOST], at(0))
    assert session.wake_at == at(BACKOFF_S[0])


def test_connecting_alone_forgives_nothing(at):
    session = Session()
    for pause in BACKOFF_S[:3]:
        play(session, [Event.SEEN, Event.CONNECTED, Event.SILENT], at(0))
        assert session.wake_at == at(pause)
        play(session, [Event.WOKE], at(pause))


def test_a_silent_link_is_cycled():
    session = Session(State.STREAMING)
    assert play(session, [Event.SILENT], 0) == [[Command.DISCONNECT, Command.SLEEP]]


def test_stray_events_change_nothing():
    for state in State:
        session = Session(state)
        stray = Event.WOKE if state is not State.WAITING else Event.SEEN
        assert session.handle(stray, 0) == ()
        assert session.state is state
