"""What a detector has found, in one plain sentence, in English and in Chinese."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import NamedTuple

from vitals.codes import Flag, Kind, Metric

Both = tuple[str, str]  # English, Chinese

METRICS: Mapping[Metric, Both] = {
    Metric.HEART_RATE: ("Heart rate", "心率"),
    Metric.SYSTOLIC: ("Systolic pressure", "收缩压"),
    Metric.DIASTOLIC: ("Diastolic pressure", "舒张压"),
    Metric.MEAN_ARTERIAL_PRESSURE: ("Mean arterial pressure", "平均动脉压"),
    Metric.PULSE: ("Pulse", "脉率"),
    Metric.BODY_TEMPERATURE: ("Body temperature", "体温"),
    Metric.OXYGEN_SATURATION: ("Oxygen saturation", "血氧饱和度"),
    Metric.GLUCOSE: ("Glucose", "血糖"),
}
KINDS: Mapping[Kind, Both] = {
    Kind.HEART_RATE: ("heart rate", "心率"),
    Kind.BLOOD_PRESSURE: ("blood pressure", "血压"),
    Kind.BODY_TEMPERATURE: ("body temperature", "体温"),
    Kind.OXYGEN_SATURATION: ("oxygen saturation", "血氧饱和度"),
    Kind.GLUCOSE: ("glucose", "血糖"),
    Kind.BATTERY: ("battery", "电量"),
}
UNITS: Mapping[str, Both] = {  # UCUM -> print
    "mm[Hg]": ("mmHg", "mmHg"),
    "Cel": ("°C", "°C"),
    "/min": ("/min", "次/分"),
}
REASONS: Mapping[str, Both] = {
    Flag.MOTION: ("movement", "测量时身体移动"),
    Flag.CUFF_LOOSE: ("a loose cuff", "袖带过松"),
    Flag.BAD_POSITION: ("a wrong position", "测量姿势不当"),
}
SITES: Mapping[str, Both] = {
    "armpit": (" under the arm", "腋下"),
    "body": (" on the skin", "体表"),
    "ear": (" in the ear", "耳内"),
    "gi": (" in the gut", "胃肠道"),
    "mouth": (" in the mouth", "口腔"),
    "rectum": (" in the rectum", "直肠"),
    "tympanum": (" at the eardrum", "鼓膜"),
}


class Excess(NamedTuple):
    """A value beyond a limit, or far from the usual."""

    metric: Metric
    high: bool | None  # None: far from the usual, whichever way
    bound: float  # the limit, or the usual
    worst: float
    lasted_s: float


def strayed(e: Excess, over: bool) -> Both:
    """Say that a value is where it should not be, or no longer.

    >>> strayed(Excess(Metric.HEART_RATE, True, 131, 152, 60), False)[0]
    'Heart rate 152 /min, at or above 131 for 60 s.'
    >>> strayed(Excess(Metric.HEART_RATE, True, 131, 152, 60), False)[1]
    '心率 152 次/分,达到或高于 131,已持续 60 秒。'
    """
    (name, name_zh), usual = METRICS[e.metric], e.high is None
    unit, unit_zh = UNITS.get(e.metric.unit, (e.metric.unit, e.metric.unit))
    bound, seconds = f"{e.bound:.4g}", f"{e.lasted_s:.0f}"
    beyond = f"at or {'above' if e.high else 'below'} {bound}"
    beyond_zh = f"达到或{'高' if e.high else '低'}于 {bound}"
    if usual:
        beyond = f"far from this patient's usual {bound}"
        beyond_zh = f"明显偏离该患者平时的 {bound}"
    worst, worst_zh = f"{e.worst:.4g} {unit}", f"{e.worst:.4g} {unit_zh}"
    if over:
        return (
            f"{name} no longer {beyond}, after {seconds} s; the worst was {worst}.",
            f"{name_zh}已不再{beyond_zh},此前持续 {seconds} 秒;最差为 {worst_zh}。",
        )
    lasting, lasting_zh = f" for {seconds} s", f",已持续 {seconds} 秒"
    if not e.lasted_s:
        lasting = lasting_zh = ""
    return (
        f"{name} {worst}, {beyond}{lasting}.",
        f"{name_zh} {worst_zh},{beyond_zh}{lasting_zh}。",
    )


def unworn(device: str, lasted_s: float, over: bool) -> Both:
    """Say that a device is off the body, or on it again."""
    seconds = f"{lasted_s:.0f}"
    if over:
        english = f"{device} is on the body again, after {seconds} s."
        return english, f"{device} 已重新佩戴,此前脱落 {seconds} 秒。"
    english = f"{device} has been off the body for {seconds} s."
    return english, f"{device} 未佩戴已 {seconds} 秒。"


def unheard(device: str, kind: Kind, lasted_s: float, over: bool) -> Both:
    """Say that nothing comes from a device, or something again."""
    (what, what_zh), seconds = KINDS[kind], f"{lasted_s:.0f}"
    if over:
        english = f"{device} sends {what} again, after {seconds} s."
        return english, f"{device} 已恢复发送{what_zh}数据,此前中断 {seconds} 秒。"
    english = f"No {what} from {device} for {seconds} s."
    return english, f"{device} 已有 {seconds} 秒没有发送{what_zh}数据。"


def drained(device: str, level: float, bound: float, over: bool) -> Both:
    """Say how full a battery is.

    >>> drained("strap-1", 18, 20, False)[0]
    'The battery of strap-1 is at 18 %, at or below 20 %.'
    """
    english, chinese = (
        f"The battery of {device} is at {level:.0f} %",
        f"{device} 的电量为 {level:.0f}%",
    )
    if over:
        return f"{english}.", f"{chinese}。"
    return (
        f"{english}, at or below {bound:.0f} %.",
        f"{chinese},不高于 {bound:.0f}%。",
    )


ORPHANED: Both = (
    "Back inside; it began before the detectors were replaced.",
    "已恢复正常;该异常始于检测程序更新之前。",
)


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


UNWATCHED: Both = (
    "No longer watched: the plan or the device's clock has changed.",
    "不再监测:监护计划或设备时钟已更改。",
)


def feverish(temp: float, site: str, bound: float) -> Both:
    """Say that somebody has a fever.

    >>> feverish(37.94, "armpit", 37.3)[0]
    'Fever: 37.9 °C under the arm, at or above 37.3.'
    """
    where, where_zh = SITES.get(site, ("", ""))
    return (
        f"Fever: {temp:.1f} °C{where}, at or above {bound:.4g}.",
        f"发热:{where_zh}体温 {temp:.1f} °C,达到或高于 {bound:.4g}。",
    )


def cooled(temp: float, site: str, worst: float) -> Both:
    """Say that a fever is over."""
    where, where_zh = SITES.get(site, ("", ""))
    return (
        f"No fever any more: {temp:.1f} °C{where}; the highest was {worst:.1f} °C.",
        f"已退热:{where_zh}体温 {temp:.1f} °C;最高 {worst:.1f} °C。",
    )
