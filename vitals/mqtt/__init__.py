"""MQTT.  Home of paho."""

from vitals.mqtt.bus import MqttBus

__all__ = ["MqttBus"]
