"""InfluxDB by https: a certificate that we do not trust is never written to."""

from shutil import which

import pytest

from ingest.store import open_history, open_store
from tests.cli.conftest import Authority
from tests.ingest.conftest import Influxd
from vitals import ConfigError, Unavailable, config

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(which("influxd") is None, reason="needs influxd"),
]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secured(authority, tmp_path_factory):
    """Start an influxd with a certificate; give its address."""
    servers = []

    def make(host="127.0.0.1"):
        pair = authority.sign(host)
        servers.append(Influxd(tmp_path_factory.mktemp("influxd"), *pair))
        servers[-1].start()
        return servers[-1].url

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def reach(tmp_path):
    """Open a store that trusts a file of certificates."""
    found = []

    def make(url, ca):
        settings = config.Store(kind="influx", url=url, ca=str(ca))
        found.append(open_store(settings, tmp_path))
        return found[-1]

    yield make
    for store in found:
        store.close()


def test_records_go_by_tls_to_a_server_whose_authority_we_trust(
    secured, authority, reach, beat, tmp_path
):
    url = secured()
    store = reach(url, authority.ca)
    readings = [beat(seq) for seq in range(1, 100)]
    store.write(readings)
    assert sorted(store.export(), key=lambda r: r.record.seq) == readings
    settings = config.Store(kind="influx", url=url, ca=authority.ca)
    history = open_history(settings, tmp_path)
    assert history.count() == 99
    history.close()


def test_a_server_of_another_authority_or_name_gets_nothing(
    secured, authority, reach, beat, tmp_path
):
    url, misnamed = secured(), secured("db.example")
    strangers = Authority(tmp_path / "strangers", "somebody else").ca
    for address, ca, why in (
        (url, strangers, "certificate"),
        (url, "", "certificate"),  # the system's authorities do not know ours either
        (misnamed, authority.ca, "IP address mismatch"),
    ):
        store = reach(address, ca)
        for attempt in (lambda: store.write([beat(1)]), store.count):  # noqa: B023
            with pytest.raises(Unavailable) as caught:
                attempt()
            text = str(caught.value)
            assert why in text
            assert text.startswith(f"InfluxDB at {address}: its certificate is not to")
            assert text.endswith("; check store.ca and store.url")
            assert len(text) < 250
    assert reach(url, authority.ca).count() == 0


def test_a_file_of_certificates_that_is_none_is_said_at_once(reach, tmp_path):
    (tmp_path / "empty.pem").write_text("")
    for name in ("nowhere.pem", "empty.pem"):
        with pytest.raises(ConfigError, match=f"store.ca: cannot use .*{name}"):
            reach("https://127.0.0.1:1", tmp_path / name)
