"""What the cuff's detectors have found, in one plain sentence, in two languages."""

from collections.abc import Collection, Mapping

from dsp.sentences import REASONS, Both
from vitals.schedule import Occasion

PARTS: Mapping[str, Both] = {
    "morning": ("morning", "早晨"),
    "evening": ("evening", "晚上"),
}


def mmhg(sys: float | None, dia: float | None) -> str:
    """Write a blood pressure; what is not known is a dash.

    >>> mmhg(186, 94.5), mmhg(186, None)
    ('186/94.5 mmHg', '186/- mmHg')
    """
    shown = ("-" if value is None else f"{value:.4g}" for value in (sys, dia))
    return f"{'/'.join(shown)} mmHg"


def lasting(*minutes: float) -> Both:
    """Write a time, or from when to when; less than a minute is said in seconds.

    >>> lasting(1, 5), lasting(1 / 12, 1 / 12)
    (('1 to 5 min', '1 至 5 分钟'), ('5 s', '5 秒'))
    """
    short = max(minutes) < 1
    said = dict.fromkeys(f"{m * 60 if short else m:.4g}" for m in minutes)
    unit, unit_zh = ("s", "秒") if short else ("min", "分钟")
    return f"{' to '.join(said)} {unit}", f"{' 至 '.join(said)} {unit_zh}"


def asked(found: str, bounds: str, minutes: tuple[float, float], over: bool) -> Both:
    """Ask the patient to measure again, or say what came of it.

    >>> asked("186/94 mmHg", "180/120", (1, 5), False)[0]
    'Blood pressure 186/94 mmHg: very high. Sit still and measure again in 1 to 5 min.'
    >>> asked("186/94 mmHg", "180/120", (1 / 12, 1 / 12), False)[1]
    '血压 186/94 mmHg,非常高。请静坐,并在 5 秒内复测。'
    """
    if over:
        english = f"Blood pressure measured again: {found}, below {bounds}."
        return english, f"复测血压 {found},低于 {bounds}。"
    within, within_zh = lasting(*minutes)
    again = f"Sit still and measure again in {within}."
    again_zh = f"请静坐,并在 {within_zh}内复测。"
    return (
        f"Blood pressure {found}: very high. {again}",
        f"血压 {found},非常高。{again_zh}",
    )


def critical(found: str, bounds: str, alone: float | None) -> Both:
    """Say that a second reading, or its absence for `alone` min, makes a crisis.

    >>> critical("190/100 mmHg", "180/120", 10)[0]
    'Blood pressure 190/100 mmHg, at or above 180/120; not measured again in 10 min.'
    """
    english = f"Blood pressure {found}, at or above {bounds}"
    chinese = f"血压 {found},达到或高于 {bounds}"
    if alone is None:
        return f"{english} when measured again.", f"复测{chinese}。"
    lone, lone_zh = lasting(alone)
    return f"{english}; not measured again in {lone}.", f"{chinese};{lone_zh}内未复测。"


def relieved(found: str, bounds: str, worst: str) -> Both:
    """Say that a crisis is over."""
    return (
        f"Blood pressure {found}, no longer at or above {bounds};"
        f" the worst was {worst}.",
        f"血压 {found},已低于 {bounds};最高为 {worst}。",
    )


def unusable(flags: Collection[str], over: bool) -> Both:
    """Ask for another reading in the place of one that cannot be relied on.

    >>> unusable(("motion",), False)[0]
    'The reading cannot be used (movement). Sit still and measure again.'
    """
    if over:
        return (
            "The cuff has given a reading that can be used.",
            "血压计已测得有效读数。",
        )
    reasons = [both for flag, both in REASONS.items() if flag in flags]
    reasons = reasons or [("no valid value", "无有效数值")]
    why, why_zh = ", ".join(r[0] for r in reasons), "、".join(r[1] for r in reasons)
    return (
        f"The reading cannot be used ({why}). Sit still and measure again.",
        f"此次读数无效({why_zh})。请静坐后重新测量。",
    )


def not_started(found: str, bounds: str) -> Both:
    """Say that a session should not be started."""
    return (
        f"Blood pressure {found} at rest, above {bounds}: do not start the session.",
        f"静息血压 {found},高于 {bounds}:请勿开始运动。",
    )


def stopped(found: str, bounds: str) -> Both:
    """Say that a session should be stopped for a high pressure."""
    return (
        f"Blood pressure {found} in exercise, at or above {bounds}: stop the session.",
        f"运动中血压 {found},达到或高于 {bounds}:请停止运动。",
    )


def fallen(found: str, by: float, pulse: tuple[float, float]) -> Both:
    """Say that a session should be stopped for a falling pressure.

    >>> fallen("128/80 mmHg", 22, (95, 120))[1]
    '运动中血压降至 128/80 mmHg:收缩压下降 22,而脉率由 95 升至 120 次/分。请停止运动。'
    """
    was, now = (f"{rate:.4g}" for rate in pulse)
    return (
        f"Blood pressure {found} in exercise: systolic {by:.4g} lower while the pulse"
        f" rose from {was} to {now} /min. Stop the session.",
        f"运动中血压降至 {found}:收缩压下降 {by:.4g},而脉率由 {was} 升至 {now} 次/分。"
        "请停止运动。",
    )


def stood(found: str, before: str) -> Both:
    """Say that pressure falls on standing up."""
    return (
        f"Blood pressure fell from {before} lying to {found} standing.",
        f"血压由卧位 {before} 降至立位 {found}。",
    )


def passed(found: str) -> Both:
    """Say that a later reading no longer shows it."""
    return f"Blood pressure {found}: no longer so.", f"血压 {found}:已不再出现。"


def missed(own: Occasion, days: int, taken: tuple[int, int]) -> Both:
    """Say that an occasion went by without its readings.

    >>> from vitals.model import Instant
    >>> missed(Occasion(3, "evening", Instant(0), Instant(1)), 7, (1, 2))[0]
    'Blood pressure of the evening of day 3 of 7 is missing: 1 of 2 readings.'
    """
    part, part_zh = PARTS[own.part]
    return (
        f"Blood pressure of the {part} of day {own.day} of {days} is missing:"
        f" {taken[0]} of {taken[1]} readings.",
        f"第 {own.day} 天(共 {days} 天){part_zh}的血压未按计划测量:"
        f"{taken[0]}/{taken[1]} 次。",
    )


def kept(done: int, due: int) -> Both:
    """Say that blood pressure is measured as agreed again."""
    return (
        f"Blood pressure is measured again: {done} of {due} occasions done.",
        f"血压已恢复按计划测量:已完成 {done}/{due} 次。",
    )
