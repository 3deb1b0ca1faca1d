"""What messages say around an alert, in English and in Chinese."""

from vitals.phrases import Language

# key: English, Chinese
WORDS: dict[str, tuple[str, str]] = {
    "why.call": ("New alert", "新警报"),
    "why.again": ("Alert still waits", "警报仍待处理"),
    "why.rise": ("Worse", "加重"),
    "why.unshelve": ("Snooze is over", "暂停结束"),
    "why.returned": ("Over", "已解除"),
    "why.unseen": ("Over, not yet seen", "已解除,尚无人确认"),
    "why.seen": ("Seen", "已确认"),
    "why.handover": ("Handed over to you", "已移交给您"),
    "priority.high": ("high priority", "高优先级"),
    "priority.medium": ("medium priority", "中优先级"),
    "priority.low": ("low priority", "低优先级"),
    "comma": (", ", ","),
    "case": ("Case", "编号"),
    "patient": ("Patient", "患者"),
    "since": ("Since", "开始时间"),
    "value": ("Worst value", "最差值"),
    "limit": ("Limit", "限值"),
    "usual": ("Usual", "平时"),
    "latest": ("Latest", "最近数值"),
    "sure": ("How sure", "可信度"),
    "quality": ("Quality", "信号质量"),
    "reading": ("Last reading", "最近读数"),
    "device": ("Device", "设备"),
    "late": ("Late", "迟到"),
    "seen": ("Seen by", "确认人"),
    "together": ("At the same time", "同时发生"),
    "do": ("What to do", "处理建议"),
    "good": ("{n} % of the readings are good", "{n}% 的读数良好"),
    "sure.high": ("high ({n} %)", "高({n}%)"),
    "sure.moderate": ("moderate ({n} %)", "中({n}%)"),
    "sure.low": ("low ({n} %)", "低({n}%)"),
    "trend.rising": ("rising", "上升"),
    "trend.falling": ("falling", "下降"),
    "trend.steady": ("steady", "平稳"),
    "ago": ("{time} ({age} ago)", "{time}({age}前)"),
    "for": ("{time} ({age})", "{time}(已持续{age})"),
    "unknown_age": ("not known", "未知"),
    "s": ("{n} s", "{n} 秒"),
    "min": ("{n} min", "{n} 分钟"),
    "h": ("{n} h", "{n} 小时"),
    "day": ("{n} days", "{n} 天"),
    "acknowledge": ("Acknowledge", "确认"),
    "snooze": ("Snooze {n} min", "暂停 {n} 分钟"),
    "open": ("Open in vitals", "在 vitals 中打开"),
    "link.lead": (
        "What it is about stands behind the link, after you have logged in.",
        "详情请登录后通过链接查看。",
    ),
    "no_link.lead": (
        "Look for the case in vitals.",
        "请在 vitals 中按编号查看。",
    ),
    "told": ("Your care team has been told.", "已通知您的医护团队。"),
    "over.patient": (
        "This is over. Thank you for looking after it.",
        "情况已恢复。感谢您的配合。",
    ),
    "family.lead": (
        "Please see how they are. The care team has been told.",
        "请留意其状况。已通知医护团队。",
    ),
    "emergency": (
        "This is no emergency service. In danger call 120, 112 or 911.",
        "本服务不是急救服务。如遇紧急情况,请拨打 120、112 或 911。",
    ),
    "test": ("Test of {name}", "{name} 测试"),
    "test.lead": (
        "This is a test. Nothing is wrong with anybody, nothing has to be done.",
        "这是一条测试消息,没有任何异常,无需处理。",
    ),
}
_COLUMN: dict[Language, int] = {"en": 0, "zh": 1}
WHY = {
    "opened": "why.call",
    "alarm": "why.call",
    "relapse": "why.call",
    "release": "why.call",
    "restore": "why.call",
    "rise": "why.rise",
    "unshelve": "why.unshelve",
    "expire": "why.again",
    "escalate": "why.again",
    "returned": "why.returned",
    "unseen": "why.unseen",
    "acknowledge": "why.seen",
    "false_alarm": "why.seen",
    "handover": "why.handover",
}


def say(language: Language, key: str, **values: object) -> str:
    """Give a text; a missing key is a bug."""
    return WORDS[key][_COLUMN[language]].format(**values)
