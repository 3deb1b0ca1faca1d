"""Ports for brokers of our own."""

import socket

import pytest

from vitals import broker


def test_a_free_port_waits_for_who_asks_for_it_by_its_number():
    port = broker.free_port()
    with socket.socket() as connecting:
        assert connecting.connect_ex(("127.0.0.1", port)) != 0
    with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
        stranger.bind(("127.0.0.1", port))
    socket.create_server(("127.0.0.1", port)).close()  # as servers do
