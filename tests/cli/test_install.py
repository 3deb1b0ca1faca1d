"""The page on installing says nothing that we do not have."""

import re
import shlex
from pathlib import Path

import pytest

from vitals import config
from vitals.cli import parser

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "install.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)


def commands():
    """Every call of ours in the page's shell blocks."""
    for block in blocks("sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while words and words[0] == "sudo":
                words = words[1:]
            if words and words[0] in ("/opt/vitals/bin/vitals", "as_vitals"):
                yield words[1:]


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_command_of_the_page_is_one_of_ours(words):
    if words == ["--version"]:
        return
    parser().parse_args(words)


def test_every_configuration_of_the_page_loads():
    found = [config.parse(block) for block in blocks("toml")]
    assert found[0].mqtt.port == 8883
    [watchdog] = [one for one in found if one.watchdog.url_file]
    assert watchdog.watchdog.form == "text"
    worn = [one.gateway.wearables for one in found if one.gateway.wearables]
    assert worn[0][0].device == "strap-1"


def test_every_file_that_the_page_installs_is_there():
    for path in re.findall(r"vitals/(deploy/\S+?)[`\s,]", PAGE):
        assert (ROOT / path).is_file(), path


def test_every_secret_that_the_page_names_is_handed_over_by_a_unit():
    units = (ROOT / "deploy" / "systemd").glob("*.service")
    known = set(
        re.findall(r"LoadCredential=(\S+)", " ".join(u.read_text() for u in units))
    )
    named = set(
        re.findall(r"`(vitals-(?:(?:mqtt|store|webhook)-[a-z]+|watchdog))`", PAGE)
    )
    assert named == known
