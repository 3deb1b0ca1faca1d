"""What is muted: suppressed because its cause is told elsewhere, or out of service.

Only technical alerts are: whatever is wrong with a device, what is measured of a person
is never silenced with it.
"""

from collections.abc import Callable, Mapping

from alerts import rules
from alerts.cases import Case
from alerts.states import Event
from vitals.model import Instant, State

Device = tuple[str, str]  # whose, and which
ENTER: dict[State, Event] = {
    "suppressed": Event.SUPPRESS,
    "out_of_service": Event.REMOVE,
}
LEAVE: dict[State, Event] = {
    "suppressed": Event.RELEASE,
    "out_of_service": Event.RESTORE,
}
INHIBITED = frozenset(c for found in rules.INHIBITS.values() for c in found)


class Muting:
    """Which devices are out of service, and until when; and what is suppressed.

    Parameters
    ----------
    unreachable
        Tells whether a device is on a gateway that is down, which has its own alert.
    out
        When each device that is out of service is in service again.
    """

    def __init__(
        self,
        unreachable: Callable[[str, str], bool] = lambda subject, device: False,
        out: Mapping[Device, Instant] | None = None,
    ) -> None:
        self._unreachable = unreachable
        self._out = dict(out or {})

    def remove(self, device: Device, until: Instant) -> None:
        """Take a device out of service until an end."""
        self._out[device] = until

    def restore(self, device: Device) -> None:
        """Put a device into service again."""
        self._out.pop(device, None)

    def ended(self, now: Instant) -> bool:
        """Put devices into service whose time is up; tell whether there were any."""
        up = [device for device, until in self._out.items() if until <= now]
        for device in up:
            del self._out[device]
        return bool(up)

    def event(self, case: Case) -> Event | None:
        """Give what mutes a case, or lets it come back; None: it stays as it is."""
        state, wanted = case.alert.state, self._wanted(case)
        if wanted == state or state == "returned_unacknowledged":
            return None
        return ENTER[wanted] if wanted else LEAVE.get(state)

    def _wanted(self, case: Case) -> State | None:
        """Give the muted state that a case should be in."""
        alert = case.alert
        if alert.kind != "technical" or not case.device:
            return None
        if (alert.subject, case.device) in self._out:
            return "out_of_service"
        if alert.condition not in INHIBITED:
            return None
        unreachable = self._unreachable(alert.subject, case.device)
        return "suppressed" if unreachable else None
