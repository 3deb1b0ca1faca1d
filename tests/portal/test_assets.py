import asyncio
import gzip
import hashlib
import tomllib
from pathlib import Path

from portal.pages.assets import FILES, FOLDER

WORDS = tomllib.loads((FOLDER / "vendored.toml").read_text())
OURS = {"icon.svg", "vitals.css", "vitals.js", "trends.js", "guide.js"}


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


def test_the_checker_of_the_tests_is_as_its_makers_published_it():
    folder = Path(__file__).parent / "axe"
    origin = tomllib.loads((folder / "origin.toml").read_text())
    text = gzip.decompress((folder / "axe.min.js.gz").read_bytes())
    assert hashlib.sha256(text).hexdigest() == origin["sha256"]


def test_a_page_is_sent_small_to_a_browser_that_reads_gzip_and_plain_to_others(place):
    async def main():
        async with place.client() as client:
            for path in ("/login", "/static/vitals.css"):
                small = await client.get(path)
                plain = await client.get(path, headers={"Accept-Encoding": "identity"})
                assert small.content == plain.content
                assert "content-encoding" not in plain.headers
                sizes = [int(a.headers["content-length"]) for a in (small, plain)]
                assert sizes[0] < 0.6 * sizes[1]
                assert small.headers["vary"] == plain.headers["vary"]
                assert small.headers.get("etag") != plain.headers.get("etag", "")

    asyncio.run(main())


def test_a_page_names_its_files_before_it_is_read(place):
    async def scene():
        async with place.client("wang") as client:
            client.headers["Accept"] = "text/html"
            for url in ("/", "/patients/p-1/trends"):
                answer = await client.get(url)
                early = [one["url"] for one in answer.links.values()]
                assert early
                assert all(address in answer.text for address in early)

    asyncio.run(scene())
