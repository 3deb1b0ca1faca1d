"""What a detector has found, in one plain sentence, in English and in Chinese."""

from collections.abc import Sequence
from math import isnan

from vitals.codes import Metric


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


def striving(rate: float, limit: float, over: bool) -> tuple[str, str]:
    """Say that a heart beats too fast for its session, or no longer.

    >>> striving(152, 140, False)[0]
    'Heart rate 152 /min, at or above the 140 of this exercise session: stop.'
    """
    if over:
        english = f"No longer at or above the session's {limit:.0f} /min"
        chinese = f"心率已低于本次运动上限 {limit:.0f} 次/分,最高 {rate:.0f} 次/分。"
        return f"{english}; the worst was {rate:.0f} /min.", chinese
    english = f"Heart rate {rate:.0f} /min, at or above the {limit:.0f} of this"
    chinese = (
        f"心率 {rate:.0f} 次/分,达到或超过本次运动上限 {limit:.0f} 次/分:请停止运动。"
    )
    return f"{english} exercise session: stop.", chinese


def unheard(seconds: float, over: bool) -> tuple[str, str]:
    """Say that no heart rate comes in a session, or again.

    >>> unheard(30, False)[0]
    'No heart rate for 30 s in an exercise session.'
    """
    if over:
        english = f"The signal of the session was lost for {seconds:.0f} s."
        return english, f"运动期间信号中断 {seconds:.0f} 秒。"
    english = f"No heart rate for {seconds:.0f} s in an exercise session."
    return english, f"运动期间已 {seconds:.0f} 秒没有心率信号。"


def exercised(
    below: int, inside: int, above: int, peak: float | None
) -> tuple[str, str]:
    """Say how a session went; seconds in the zones, and /min.

    >>> exercised(60, 600, 0, 131)[0]
    'Exercise: 600 s in the zone, 60 s below and 0 s above it; peak 131 /min.'
    """
    most, most_zh = "no heart rate", "无心率"
    if peak is not None:
        most, most_zh = f"peak {peak:.0f} /min", f"最高心率 {peak:.0f} 次/分"
    english = (
        f"Exercise: {inside} s in the zone, {below} s below and {above} s above it"
    )
    chinese = f"运动:目标区间内 {inside} 秒,低于 {below} 秒,高于 {above} 秒;{most_zh}。"
    return f"{english}; {most}.", chinese


def recovering(drop: float, least: float, over: bool) -> tuple[str, str]:
    """Say how far the heart came down in the minute after a session.

    >>> recovering(8, 12, False)[0]
    'Heart rate fell by 8 /min in the minute after exercise; 12 or less is slow.'
    """
    english = f"Heart rate fell by {drop:.0f} /min in the minute after exercise"
    chinese = f"运动结束后一分钟心率下降 {drop:.0f} 次/分"
    if over:
        return f"{english} again.", f"{chinese},已恢复正常。"
    return (
        f"{english}; {least:.0f} or less is slow.",
        f"{chinese},不超过 {least:.0f} 次/分为恢复缓慢。",
    )


SPOKEN = {
    Metric.HEART_RATE: ("Heart rate", "心率", "/min", "次/分"),
    Metric.BODY_TEMPERATURE: ("Temperature", "体温", "°C", "°C"),
    Metric.SYSTOLIC: ("Systolic pressure", "收缩压", "mmHg", "mmHg"),
}


def foreseen(
    metric: Metric, way: tuple[float, float], in_s: int | None, over: bool
) -> tuple[str, str]:
    """Say that a limit is going to be reached, or no longer; `way` is from and to.

    >>> foreseen(Metric.HEART_RATE, (112, 131), 420, False)[0]
    'Heart rate is 112 /min and will be at 131 in about 7 min if it goes on like this.'
    """
    name, name_zh, unit, unit_zh = SPOKEN[metric]
    now, then = f"{way[0]:.4g}", f"{way[1]:.4g}"
    if over:
        english = f"{name} is no longer on its way to {then} {unit}."
        return english, f"{name_zh}不再趋向 {then} {unit_zh}。"
    minutes = f"{(in_s or 0) / 60:.0f}"
    english = f"{name} is {now} {unit} and will be at {then} in about {minutes} min"
    chinese = f"{name_zh} {now} {unit_zh},按此趋势约 {minutes} 分钟后将达到 {then}。"
    return f"{english} if it goes on like this.", chinese


def changing(metric: Metric, by: float, within_s: float, over: bool) -> tuple[str, str]:
    """Say that a signal changes fast, or no longer.

    >>> changing(Metric.HEART_RATE, 45, 300, False)[0]
    'Heart rate has risen by 45 /min within 300 s.'
    """
    name, name_zh, unit, unit_zh = SPOKEN[metric]
    if over:
        return f"{name} no longer changes fast.", f"{name_zh}不再快速变化。"
    way, way_zh = ("risen", "上升") if by > 0 else ("fallen", "下降")
    english = f"{name} has {way} by {abs(by):.4g} {unit} within {within_s:.0f} s."
    return english, f"{name_zh}在 {within_s:.0f} 秒内{way_zh} {abs(by):.4g} {unit_zh}。"
