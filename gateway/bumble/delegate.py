"""Answers what Bumble asks when we pair."""

from bumble.pairing import PairingDelegate


class Answers(PairingDelegate):  # type: ignore[misc]
    """Nobody stands here: what there is to say stands in the configuration."""

    def __init__(self, passkey: str) -> None:
        """Take six digits; with none there is only Just Works."""
        types = self.KEYBOARD_INPUT_ONLY if passkey else self.NO_OUTPUT_NO_INPUT
        super().__init__(types)
        self._passkey = passkey

    async def accept(self) -> bool:
        """Refuse a peer that begins: we pair when we want to."""
        return False

    async def confirm(self, auto: bool = False) -> bool:
        """Agree to Just Works, unless there is a passkey: then it is a trick."""
        return not self._passkey

    async def compare_numbers(self, number: int, digits: int) -> bool:
        """Refuse: we do not see the other number."""
        return False

    async def get_number(self) -> int | None:
        """Type the passkey."""
        return int(self._passkey) if self._passkey else None
