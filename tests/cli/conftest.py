"""Brokers with certificates and passwords of every bad kind, for a test's own use."""

import datetime
import ipaddress
import os
import socket
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from vitals import broker

DAY = datetime.timedelta(days=1)


class Authority:
    """Who signs certificates; its own lies in `ca`."""

    def __init__(self, folder, name="our authority"):
        self.folder, self._number = folder, 0
        folder.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        own = self._builder(self._name, self._key, -1, 3650).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.ca = self._write("ca.pem", own.sign(self._key, hashes.SHA256()))

    def sign(self, host="127.0.0.1", begins=-1, ends=90):
        """Give the paths of a certificate and its key; days from now."""
        self._number += 1
        key = ec.generate_private_key(ec.SECP256R1())
        subject = [x509.NameAttribute(x509.NameOID.COMMON_NAME, host)]
        named = self._builder(x509.Name(subject), key, begins, ends).add_extension(
            x509.SubjectAlternativeName([_alternative(host)]), critical=False
        )
        certificate = named.sign(self._key, hashes.SHA256())
        private = self.folder / f"{self._number}.key"
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return self._write(f"{self._number}.pem", certificate), str(private)

    def _builder(self, subject, key, begins, ends):
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins * DAY)
            .not_valid_after(now + ends * DAY)
        )

    def _write(self, name, certificate):
        path = self.folder / name
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return str(path)


def _alternative(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


@pytest.fixture
def stranger(tmp_path):
    return Authority(tmp_path / "stranger", "somebody else")


@pytest.fixture
def mosquitto(tmp_path):
    """Start mosquitto with lines of its own; give its port.  All end with the test."""
    program = broker.find_mosquitto()
    if not program:
        pytest.skip("no mosquitto: apt install mosquitto")
    running = []

    def start(*lines, anonymous=True):
        port = broker.free_port()
        conf = tmp_path / f"mosquitto-{port}.conf"
        who = ["user root"] if os.geteuid() == 0 else []
        open_to_all = f"allow_anonymous {str(anonymous).lower()}"
        conf.write_text(
            "\n".join([f"listener {port} 127.0.0.1", *lines, open_to_all, *who])
        )
        running.append(
            subprocess.Popen(
                [program, "-c", str(conf)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        _await(port)
        return port

    yield start
    for process in running:
        process.terminate()
        process.wait(60)


def _await(port):
    for _ in range(2400):  # a minute
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.025)
    raise RuntimeError("mosquitto does not listen")


@pytest.fixture
def secured(mosquitto):
    """Start mosquitto with a certificate; give its port."""

    def start(pair, *lines):
        certificate, key = pair
        return mosquitto(f"certfile {certificate}", f"keyfile {key}", *lines)

    return start
