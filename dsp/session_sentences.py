"""What is said of exercise sessions, in one plain sentence, in two languages."""


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


def lost(seconds: float, over: bool) -> tuple[str, str]:
    """Say that no heart rate comes in a session, or again.

    >>> lost(30, False)[0]
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
