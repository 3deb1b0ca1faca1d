"""MQTT.  Home of paho."""

from vitals.mqtt.lean import postponed

with postponed("urllib.request"):
    from vitals.mqtt.bus import MqttBus

__all__ = ["MqttBus"]
