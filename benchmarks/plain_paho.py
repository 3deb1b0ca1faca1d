"""python -m benchmarks.plain_paho PORT URL DATABASE: ingest as one writes it first.

The rival of `benchmarks.ingest_path`: paho as it comes, one callback a message, a write
for all that has arrived, and PUBACK only after it.
"""

import http.client
import queue
import sys
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from ingest.lines import lines
from vitals import wire
from vitals.wire import Message

LARGEST = 1 << 20  # octets of payload in one write; influxd refuses 25 MB of lines


def main():
    port, url, database = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    arrived = queue.SimpleQueue()
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id="plain",
        protocol=paho.MQTTv311,
        clean_session=False,
        manual_ack=True,
    )
    client.on_message = lambda _client, _data, message: arrived.put(message)
    client.connect("127.0.0.1", port)
    client.subscribe([(topic, 1) for topic in (*wire.READINGS, *wire.BATCHES)])
    client.loop_start()
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    while True:
        batch = [arrived.get()]
        octets = len(batch[0].payload)
        while not arrived.empty() and octets < LARGEST:
            batch.append(arrived.get())
            octets += len(batch[-1].payload)
        readings = [
            reading
            for message in batch
            for reading in wire.unpack(Message(message.topic, message.payload))
        ]
        body = "\n".join(map(lines, readings)).encode()
        connection.request("POST", f"/write?db={database}&precision=ns", body)
        response = connection.getresponse()
        assert response.status == 204, response.read()
        response.read()
        for message in batch:
            client.ack(message.mid, message.qos)


if __name__ == "__main__":
    main()
