"""Asks a client's org.bluez.Agent1 what BlueZ asks it."""

from dataclasses import dataclass
from typing import Any

from bumble.pairing import PairingDelegate
from dbus_fast import Message

from firmware_sim.bluez.objects import Objects, Refusal

AGENT = "org.bluez.Agent1"


@dataclass(frozen=True, slots=True)
class Agent:
    """Who answers when devices want to pair."""

    owner: str  # unique bus name
    path: str
    capability: str


class Questions(PairingDelegate):  # type: ignore[misc]
    """Bumble's questions about one device, put to its user's agent."""

    def __init__(self, agent: Agent, device: str, objects: Objects) -> None:
        types = agent.capability in ("KeyboardOnly", "KeyboardDisplay", "")
        keyboard, nothing = self.KEYBOARD_INPUT_ONLY, self.NO_OUTPUT_NO_INPUT
        super().__init__(keyboard if types else nothing)
        self._agent, self._device, self._objects = agent, device, objects

    async def confirm(self, auto: bool = False) -> bool:
        """Ask whether Just Works is fine."""
        return await self._ask("RequestAuthorization") is not None

    async def get_number(self) -> int | None:
        """Ask for the passkey that the device shows."""
        answer = await self._ask("RequestPasskey")
        return int(answer[0]) if answer else None

    async def _ask(self, question: str) -> list[Any] | None:
        """Ask about our device; None is a refusal."""
        whom, body = (self._agent.owner, self._agent.path, AGENT), [self._device]
        try:
            message = Message(*whom, question, signature="o", body=body)
            return await self._objects.ask(message)
        except Refusal:
            return None
