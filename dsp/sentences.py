"""What a detector has found, in one plain sentence, in English and in Chinese."""

from collections.abc import Sequence
from math import isnan


def irregular(lasted_s: float, rate: float, over: bool) -> tuple[str, str]:
    """Say that a rhythm is irregular, or no longer.

    >>> irregular(90, 104, False)[0]
    'The pulse has been irregular, as in atrial fibrillation, for 90 s, at 104 /min.'
    """
    at, at_zh = "", ""
    if not isnan(rate):
        at, at_zh = f", at {rate:.0f} /min", f",心率 {rate:.0f} 次/分"
    seconds = f"{lasted_s:.0f}"
    if over:
        english = f"The pulse is regular again, after {seconds} s{at}."
        return english, f"脉搏已恢复规则,此前持续 {seconds} 秒{at_zh}。"
    english = "The pulse has been irregular, as in atrial fibrillation, for"
    chinese = f"脉搏不规则(类似心房颤动),已持续 {seconds} 秒{at_zh}。"
    return f"{english} {seconds} s{at}.", chinese


def declining(
    low: float, high: float, worst: Sequence[tuple[str, str]], over: bool
) -> tuple[str, str]:
    """Say that a patient declines, or no longer; `worst` names signs in both tongues.

    >>> declining(4, 9, [("heart rate", "心率")], False)[0]
    'Worse than usual: heart rate. NEWS2 is between 4 and 9.'
    """
    bounds, bounds_zh = f"{low:.0f} and {high:.0f}", f"{low:.0f} 至 {high:.0f}"
    if over:
        english = f"No longer worse than usual. NEWS2 is between {bounds}."
        return english, f"已不再较平时恶化。NEWS2 在 {bounds_zh} 之间。"
    names = ", ".join(english for english, _ in worst) or "several signs"
    names_zh = "、".join(chinese for _, chinese in worst) or "多项体征"
    english = f"Worse than usual: {names}. NEWS2 is between {bounds}."
    return english, f"较平时恶化:{names_zh}。NEWS2 在 {bounds_zh} 之间。"
