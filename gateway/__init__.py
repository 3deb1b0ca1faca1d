"""From the radio to the bus.  Runs on the Raspberry Pi beside the wearables."""
