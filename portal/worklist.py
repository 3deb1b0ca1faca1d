"""What waits for one person: their patients' open alerts, and those of the house."""

from portal.authorisation import Person, alerted, may, visible
from portal.board import Board
from vitals.model import HOUSE, Alert


def open_alerts(board: Board, person: Person) -> list[Alert]:
    """Give what a person should see open, the most urgent first."""
    return [a for a in board.open_alerts(alerted(person)) if concerns(board, a, person)]


def concerns(board: Board, alert: Alert, person: Person) -> bool:
    """Tell whether an alert is theirs; a gateway's is if it reads a patient of theirs.

    Administrators see to everything of the house; so does who is assigned to it.
    """
    mine = visible(person)
    if alert.subject != HOUSE or HOUSE in mine or may(person, "people"):
        return True
    if not alert.condition.startswith("gateway_"):
        return bool(mine)
    gateway = str(alert.evidence.get("device", ""))
    return bool(board.worn(gateway, mine))
