"""Records off the bus into a durable store, and trends back out of it.

`ingest.service` runs the room; `ingest.store` says what a store must do, and opens the
one of the configuration: `ingest.sqlite` (nothing to set up) or `ingest.influx`.
"""
