from pathlib import Path

import pytest

from vitals import config
from vitals.errors import ConfigError

ONE = '[[alerts.channels]]\nname = "{}"\nurl_file = "x"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ONE.format("log"), "alerts.channels[0].name: log is there already"),
        (ONE.format("a") * 2, "alerts.channels[1].name: a is there already"),
        (ONE.format("a") + 'next = "b"\n', "channels[0].next: there is no channel b"),
        (ONE.format("a") + 'next = "a"\n', "channels[0].next: it leads back to a"),
        (
            ONE.format("a") + 'next = "b"\n' + ONE.format("b") + 'next = "a"\n',
            "it leads back to a",
        ),
        (ONE.format("a") + 'time_zone = "Mars"\n', "time_zone: Mars is unknown"),
        (ONE.format("a") + 'audience = "patient"\n', "channels[0].subject: say whose"),
        (ONE.format("a") + 'audience = "family"\n', "channels[0].subject: say whose"),
        (
            ONE.format("a") + 'next = "b"\n' + ONE.format("b") + 'subject = "p-1"\n',
            "channels[0].next: b may read of another patient only",
        ),
        (ONE.format("a") + 'content = "all"\n', "alerts.channels[0].content"),
        ('[[alerts.channels]]\nname = "a"\n', "url_file"),
        ('[portal]\npublic_url = "ftp://x"\n', "portal.public_url"),
        ('[portal]\npublic_url = "https://x/"\n', "portal.public_url"),
    ],
)
def test_what_is_wrong_with_a_channel_is_named_with_its_path(text, words):
    with pytest.raises(ConfigError) as caught:
        config.parse(text)
    assert words in str(caught.value)


def test_a_channel_says_nothing_of_whom_or_what_unless_it_is_told_to():
    [channel] = config.parse(ONE.format("a")).alerts.channels
    assert channel.content == "link"
    assert channel.hears == ("calls", "all_clear")


def test_a_chain_of_channels_may_end():
    text = ONE.format("a") + 'next = "b"\n' + ONE.format("b") + 'next = "c"\n'
    assert len(config.parse(text + ONE.format("c")).alerts.channels) == 3


def test_the_portals_address_may_have_a_path():
    text = '[portal]\npublic_url = "https://clinic.example/vitals"\n'
    assert config.parse(text).portal.public_url.endswith("/vitals")


def test_the_channels_of_the_sample_are_channels():
    """They are comments there: nobody has their secrets."""
    text = (Path(__file__).parents[2] / "deploy" / "vitals.toml").read_text()
    begin = text.index("#[[alerts.channels]]")
    block = text[begin : text.index("# Who is told")].replace("\n#", "\n").lstrip("#")
    mail, sms = config.parse(block).alerts.channels
    assert (mail.next, mail.content) == (sms.name, "link")
