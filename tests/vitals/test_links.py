import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitals import links
from vitals.errors import ConfigError, MalformedData
from vitals.links import Deed

KEY = bytes(range(32))
DEED = Deed("a-1", "acknowledge", "dr-chen", 1_795_300_000_000, "n-1")
TOKEN = links.sign(KEY, DEED)

deeds = st.builds(
    Deed,
    alert=st.text(max_size=128),
    action=st.sampled_from(["acknowledge", "snooze"]),
    by=st.text(max_size=64),
    until=st.integers(0, 2**53),
    nonce=st.text(max_size=32),
    minutes=st.none() | st.integers(1, 1440),
)


@given(deeds)
def test_reading_undoes_signing(deed):
    token = links.sign(KEY, deed)
    if len(token) <= links.LONGEST:
        assert links.read(KEY, token) == deed
    assert set(token) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
    )


@given(st.text())
def test_what_we_have_not_signed_is_refused(token):
    with pytest.raises(MalformedData):
        links.read(KEY, token)


@pytest.mark.parametrize("place", range(len(TOKEN)))
def test_a_token_altered_anywhere_is_refused(place):
    other = "A" if TOKEN[place] != "A" else "B"
    with pytest.raises(MalformedData):
        links.read(KEY, TOKEN[:place] + other + TOKEN[place + 1 :])


def test_a_token_cut_or_lengthened_or_of_another_secret_is_refused():
    text, _, mac = TOKEN.partition(".")
    for token in (TOKEN[:-1], TOKEN + "A", TOKEN + "=", text, f".{mac}", "", "." * 99):
        with pytest.raises(MalformedData):
            links.read(KEY, token)
    with pytest.raises(MalformedData):
        links.read(bytes(32), TOKEN)


def test_every_part_of_a_deed_is_signed():
    others = [
        Deed("a-2", "acknowledge", "dr-chen", DEED.until, "n-1"),
        Deed("a-1", "snooze", "dr-chen", DEED.until, "n-1"),
        Deed("a-1", "acknowledge", "dr-wu", DEED.until, "n-1"),
        Deed("a-1", "acknowledge", "dr-chen", DEED.until + 1, "n-1"),
        Deed("a-1", "acknowledge", "dr-chen", DEED.until, "n-2"),
        Deed("a-1", "acknowledge", "dr-chen", DEED.until, "n-1", 15),
    ]
    macs = {links.sign(KEY, deed).partition(".")[2] for deed in [DEED, *others]}
    assert len(macs) == 7


def test_who_comes_first_makes_the_secret_and_all_have_the_same(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(links.key, [tmp_path] * 16))
    [key] = keys
    assert len(key) == links.KEY_OCTETS
    assert links.key(tmp_path) == key
    assert os.listdir(tmp_path) == ["links.key"]
    assert (tmp_path / "links.key").stat().st_mode & 0o777 == 0o600


def test_two_houses_have_two_secrets(tmp_path):
    assert links.key(tmp_path / "a") != links.key(tmp_path / "b")


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_secret_that_is_none_of_ours_is_refused(tmp_path, content):
    (tmp_path / "links.key").write_bytes(content)
    with pytest.raises(ConfigError):
        links.key(tmp_path)


def test_a_case_number_is_short_and_its_own():
    numbers = {links.case_number(f"alert-{n}") for n in range(2000)}
    assert len(numbers) == 2000
    assert all(len(number) == 9 for number in numbers)
