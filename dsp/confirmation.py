"""Whether a second reading has confirmed what a spot device found beyond a limit.

A cuff errs: whoever reads a pressure that is too low takes it again before calling
anybody.  What is far beyond does not wait.
"""

from msgspec.structs import replace

from dsp.arrays import END, One
from vitals.model import Anomaly

AGAIN, AGAIN_ZH = " Measure again.", "请复测。"


def doubted(anomaly: Anomaly, event: One, far: float | None) -> Anomaly:
    """Say in the evidence whether an episode is `confirmed`; None: no reading waits.

    It is by a second reading beyond the limit, at least a minute after the one that was
    told last, or by one that is `far` beyond.
    """
    if far is None:
        return anomaly
    over = bool(event["what"] == END)
    readings = int(event["good"]) - over  # the last is the one that is back inside
    sure = readings > 1 or bool(abs(event["worst"] - event["bound"]) >= far)
    said = {**anomaly.evidence, "confirmed": sure}
    if not (sure or over):
        said["text"] += AGAIN
        said["text_zh"] += AGAIN_ZH
    return replace(anomaly, evidence=said)
