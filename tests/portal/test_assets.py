import hashlib
import tomllib

from portal.pages.assets import FILES, FOLDER

WORDS = tomllib.loads((FOLDER / "vendored.toml").read_text())
OURS = {"icon.svg", "vitals.css", "vitals.js", "trends.js"}


def test_what_is_not_ours_is_as_its_makers_published_it():
    for package in WORDS.values():
        for name, (_, total) in package["files"].items():
            assert hashlib.sha256(FILES[name]).hexdigest() == total, name


def test_every_file_is_ours_or_has_a_licence_and_a_checksum():
    vendored = {name for package in WORDS.values() for name in package["files"]}
    assert set(FILES) == OURS | vendored
    for package in WORDS.values():
        licence = [name for name in package["files"] if name.endswith(".txt")]
        assert package["licence"] in FILES[licence[0]].decode()
