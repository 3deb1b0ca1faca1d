"""What conditions are called and what to do about them, in English and in Chinese.

Pages and messages say the same.  A language is complete or it is not offered: a test
compares the keys.  What to do is OURS and general; a house's own orders come first.
"""

from math import floor
from typing import Literal, get_args

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

# key: English, Chinese
_ROWS: dict[str, tuple[str, str]] = {
    # what a clinician calls a condition; others are made of a sign and a side
    "condition.device_off_body": ("Not worn", "设备未佩戴"),
    "condition.device_silent": ("No data", "设备无数据"),
    "condition.device_battery_low": ("Battery low", "电量低"),
    "condition.device_battery_critical": ("Battery nearly empty", "电量即将耗尽"),
    "condition.systolic_high": ("Systolic pressure high", "收缩压偏高"),
    "condition.systolic_low": ("Systolic pressure low", "收缩压偏低"),
    "condition.diastolic_high": ("Diastolic pressure high", "舒张压偏高"),
    "condition.diastolic_low": ("Diastolic pressure low", "舒张压偏低"),
    "condition.body_temperature_high": ("Temperature high", "体温偏高"),
    "condition.body_temperature_low": ("Temperature low", "体温偏低"),
    "condition.oxygen_saturation_low": ("Oxygen low", "血氧偏低"),
    "condition.irregular_rhythm": ("Irregular rhythm", "心律不规则"),
    "condition.decline": ("Getting worse", "病情恶化"),
    "condition.device_clock_off": ("Device clock wrong", "设备时钟错误"),
    "condition.gateway_offline": ("Gateway offline", "网关离线"),
    "condition.gateway_clock_off": ("Gateway clock wrong", "网关时钟错误"),
    "condition.gateway_queue_growing": ("Readings pile up", "网关数据积压"),
    "condition.gateway_disk": ("Gateway cannot store", "网关无法存储"),
    "condition.gateway_radio": ("Gateway hears nobody", "网关无法接收"),
    "condition.stage_silent": ("A part of vitals is silent", "系统组件无响应"),
    "condition.test_alarm": ("Test alarm", "测试警报"),
    "condition.delivery_failing": ("Messages do not arrive", "消息无法送达"),
    "condition.ledger_cut": ("Ledger of changes was cut", "变更记录被截断"),
    "condition.fever": ("Fever", "发热"),
    "condition.blood_pressure_crisis": ("Blood pressure very high", "血压极高"),
    "condition.blood_pressure_crisis_pending": (
        "Blood pressure: measure again",
        "血压:请复测",
    ),
    "condition.measurement_missed": ("Blood pressure not measured", "未测血压"),
    "condition.measurement_unusable": ("Reading cannot be used", "读数无效"),
    "condition.exercise_start_pressure_high": (
        "Blood pressure too high to exercise",
        "血压过高,不宜运动",
    ),
    "condition.exercise_pressure_high": (
        "Blood pressure too high in exercise",
        "运动中血压过高",
    ),
    "condition.exercise_hypotension": (
        "Blood pressure falls in exercise",
        "运动中血压下降",
    ),
    "condition.orthostatic_hypotension": (
        "Blood pressure falls on standing up",
        "站立时血压下降",
    ),
    "condition.session_limit": ("Heart rate too high in exercise", "运动中心率过高"),
    "condition.session_signal_lost": ("No signal in exercise", "运动中信号丢失"),
    "condition.session_summary": ("Exercise session", "运动小结"),
    "condition.heart_rate_recovery_slow": ("Slow recovery", "心率恢复缓慢"),
    "condition.heart_rate_rising_fast": ("Heart rate rises fast", "心率快速上升"),
    "condition.heart_rate_falling_fast": ("Heart rate falls fast", "心率快速下降"),
    "condition.body_temperature_rising_fast": (
        "Temperature rises fast",
        "体温快速上升",
    ),
    "condition.systolic_falling_fast": (
        "Systolic pressure falls fast",
        "收缩压快速下降",
    ),
    "condition.heart_rate_forecast_high": ("Heart rate soon high", "心率即将偏高"),
    "condition.heart_rate_forecast_low": ("Heart rate soon low", "心率即将偏低"),
    "condition.body_temperature_forecast_high": (
        "Temperature soon high",
        "体温即将偏高",
    ),
    "condition.systolic_forecast_high": (
        "Systolic pressure soon high",
        "收缩压即将偏高",
    ),
    "condition.systolic_forecast_low": ("Systolic pressure soon low", "收缩压即将偏低"),
    # signs
    "sign.heart_rate": ("heart rate", "心率"),
    "sign.pulse": ("pulse", "脉率"),
    "sign.rr_interval": ("RR interval", "RR 间期"),
    "sign.systolic": ("systolic pressure", "收缩压"),
    "sign.diastolic": ("diastolic pressure", "舒张压"),
    "sign.mean_arterial_pressure": ("mean arterial pressure", "平均动脉压"),
    "sign.body_temperature": ("temperature", "体温"),
    "sign.oxygen_saturation": ("oxygen", "血氧"),
    "sign.glucose": ("glucose", "血糖"),
    "sign.blood pressure": ("blood pressure", "血压"),
    "sign.battery": ("battery", "电量"),
    "side.high": ("{what} high", "{what}偏高"),
    "side.low": ("{what} low", "{what}偏低"),
    "side.unusual": ("{what} unusual", "{what}异常"),
    # to a patient: what it means and what to do
    "plain.high": (
        "Your {what} is higher than it should be. Sit down and rest.",
        "您的{what}高于目标值。请坐下休息。",
    ),
    "plain.low": (
        "Your {what} is lower than it should be. Sit down and rest.",
        "您的{what}低于目标值。请坐下休息。",
    ),
    "plain.unusual": (
        "Your {what} is unusual for you.",
        "您的{what}与平时不同。",
    ),
    "plain.other.fever": (
        "You may have a fever. Rest and drink enough.",
        "您可能发热。请休息并多喝水。",
    ),
    "plain.other.blood_pressure_crisis_pending": (
        "Your blood pressure is very high. Sit still and measure again in 1 to 5"
        " minutes.",
        "您的血压非常高。请静坐,1 至 5 分钟后再测一次。",
    ),
    "plain.other.blood_pressure_crisis": (
        "Your blood pressure is very high. With chest pain, trouble breathing, seeing"
        " or speaking, numbness or weakness, call an ambulance at once. Otherwise call"
        " your care team.",
        "您的血压非常高。如有胸痛、呼吸困难、视物或说话困难、麻木或无力,请立即呼叫急救;"
        "否则请联系您的医护团队。",
    ),
    "plain.other.measurement_missed": (
        "A measurement of your blood pressure is missing. Please measure at the next"
        " agreed time.",
        "缺少一次血压测量。请在下一个约定时间测量。",
    ),
    "plain.other.measurement_unusable": (
        "The last reading cannot be used. Sit still, check the cuff and measure again.",
        "上次读数无效。请静坐,检查袖带后再测一次。",
    ),
    "plain.high.exercise_start_pressure": (
        "Your blood pressure is too high to exercise. Rest, and measure again.",
        "您的血压过高,不宜运动。请休息后再测。",
    ),
    "plain.high.exercise_pressure": (
        "Your blood pressure is too high. Stop exercising, sit down and rest.",
        "您的血压过高。请停止运动,坐下休息。",
    ),
    "plain.other.exercise_hypotension": (
        "Your blood pressure falls while you exercise. Stop exercising and sit down.",
        "运动时您的血压下降。请停止运动并坐下。",
    ),
    "plain.other.orthostatic_hypotension": (
        "Your blood pressure falls when you stand up. Stand up slowly and hold on to"
        " something.",
        "您站立时血压下降。请缓慢起身并扶稳。",
    ),
    "plain.other.session_limit": (
        "Your heart beats too fast for this exercise. Stop, sit down and rest.",
        "您的心率超过本次运动上限。请停止运动,坐下休息。",
    ),
    "plain.other.session_signal_lost": (
        "Your heart rate cannot be heard. Stop exercising and check the strap.",
        "收不到您的心率。请停止运动并检查心率带。",
    ),
    "plain.high.heart_rate_forecast": (
        "Your heart rate is rising. Slow down and rest.",
        "您的心率正在上升。请放慢并休息。",
    ),
    "plain.high.body_temperature_forecast": (
        "Your temperature is rising. Rest, drink enough and measure again.",
        "您的体温正在上升。请休息、多喝水并再次测量。",
    ),
    "plain.off_body": (
        "The sensor does not seem to be worn. Please put it on again.",
        "传感器似乎没有戴好。请重新佩戴。",
    ),
    "plain.silent": (
        "A device is silent. Is it switched on and near you?",
        "有设备没有数据。请检查它是否开机并在您身边。",
    ),
    "plain.battery": (
        "A battery is nearly empty. Please change or charge it.",
        "设备电量不足。请更换电池或充电。",
    ),
    "plain.high.blood pressure": (
        "Your blood pressure is higher than it should be."
        " Sit down, rest for five minutes and measure again.",
        "您的血压高于目标值。请坐下休息五分钟后再测一次。",
    ),
    "plain.low.blood pressure": (
        "Your blood pressure is lower than it should be."
        " Sit or lie down, and measure again in five minutes.",
        "您的血压低于目标值。请坐下或躺下,五分钟后再测一次。",
    ),
    "plain.high.temperature": (
        "You may have a fever. Rest and drink enough.",
        "您可能发烧了。请休息并多喝水。",
    ),
    "plain.other": ("Something needs a look: {what}.", "有情况需要留意:{what}。"),
    # to a clinician: what to do
    "act.heart": (
        "Call the patient: pain, breathlessness, dizziness, palpitations? Worn well?",
        "请联系患者:有无胸痛、气促、头晕、心悸?设备是否戴好?",
    ),
    "act.rhythm": (
        "Call the patient. An ECG decides whether it is fibrillation.",
        "请联系患者。是否为房颤需以心电图确认。",
    ),
    "act.blood pressure": (
        "Have it measured again after five minutes of rest; ask for symptoms."
        " With symptoms it is an emergency.",
        "请患者休息五分钟后复测并询问症状;如有症状,按急症处理。",
    ),
    "act.oxygen": (
        "Call the patient: breathless, blue lips? Have it measured on a warm finger.",
        "请联系患者:有无气促、口唇发紫?请用温暖的手指复测。",
    ),
    "act.temperature": (
        "Ask for signs of infection, and have it measured again.",
        "请询问有无感染症状,并复测。",
    ),
    "act.glucose": (
        "Call the patient now: awake and able to eat? Have it measured again.",
        "请立即联系患者:是否清醒、能否进食?请复测。",
    ),
    "act.unusual": (
        "Within the limits, but unlike this patient: look at the trend.",
        "在限值之内,但与该患者平时不同:请查看趋势。",
    ),
    "act.decline": (
        "See or call the patient, and take all signs again.",
        "请查看或联系患者,并复测全部体征。",
    ),
    "act.device": (
        "Until it is mended nothing else is watched: have the device looked at.",
        "恢复之前无法监测:请检查设备。",
    ),
    "act.battery": (
        "Have the battery charged or changed.",
        "请安排充电或更换电池。",
    ),
    "act.delivery": (
        "Messages on this way do not reach people: tell whoever runs it.",
        "该通道的消息无法送达:请通知管理员。",
    ),
    "act.house": (
        "Tell whoever runs vitals: patients may not be watched meanwhile.",
        "请通知系统管理员:在此期间可能无法监测患者。",
    ),
    "act.ledger": (
        "Compare alerts.db with a backup; see who can be told and who has the file.",
        "请将 alerts.db 与备份比对,并核查通知人员及文件权限。",
    ),
    "act.test": (
        "Only a test: acknowledge it, to show that it has reached you.",
        "这只是测试:请确认,以表明已收到。",
    ),
    "act.other": ("Look at the patient's page.", "请查看患者页面。"),
    "act.over": (
        "It is over. Nothing has to be done in a hurry.",
        "警报已解除,无需紧急处理。",
    ),
}

# beginning of a condition (the first match counts), key of what a clinician does
_ACTS: tuple[tuple[str, str], ...] = (
    ("heart_rate", "act.heart"),
    ("pulse", "act.heart"),
    ("irregular", "act.rhythm"),
    ("systolic", "act.blood pressure"),
    ("blood_pressure", "act.blood pressure"),
    ("exercise", "act.blood pressure"),
    ("orthostatic", "act.blood pressure"),
    ("measurement", "act.device"),
    ("fever", "act.temperature"),
    ("session_signal", "act.device"),
    ("session", "act.heart"),
    ("diastolic", "act.blood pressure"),
    ("mean_arterial", "act.blood pressure"),
    ("oxygen", "act.oxygen"),
    ("body_temperature", "act.temperature"),
    ("glucose", "act.glucose"),
    ("decline", "act.decline"),
    ("device_battery", "act.battery"),
    ("device", "act.device"),
    ("gateway", "act.house"),
    ("stage", "act.house"),
    ("test_alarm", "act.test"),
    ("delivery", "act.delivery"),
    ("ledger", "act.ledger"),
)
_SIDES = ("high", "low", "unusual", "silent", "off_body", "battery")
_PLAIN = {  # a metric to a patient, without the clinician's distinctions
    "systolic": "blood pressure",
    "diastolic": "blood pressure",
    "mean_arterial_pressure": "blood pressure",
}

ENGLISH = {key: row[0] for key, row in _ROWS.items()}
CHINESE = {key: row[1] for key, row in _ROWS.items()}
WORDS: dict[str, dict[str, str]] = {"en": ENGLISH, "zh": CHINESE}

UNITS = {"/min": "/min", "mm[Hg]": "mmHg", "Cel": "°C", "ms": "ms", "1": ""}
"""UCUM as people write it; what is not here is written as it is."""


def title(condition: str, language: str = "en") -> str:
    """Name a condition to a clinician; one without words is shown as it is.

    >>> title("heart_rate_high"), title("systolic_high", "zh"), title("odd_thing")
    ('Heart rate high', '收缩压偏高', 'Odd thing')
    """
    words = WORDS[language]
    if own := words.get(f"condition.{condition}"):
        return own
    what, side = parts(condition)
    if (sign := words.get(f"sign.{what}")) and f"side.{side}" in words:
        return _capital(words[f"side.{side}"].format(what=sign))
    return condition.replace("_", " ").capitalize()


def name(condition: str, language: str = "en") -> str:
    """Name a condition to a patient, without the clinician's distinctions.

    >>> name("diastolic_high")
    'Blood pressure high'
    """
    what, side = parts(condition)
    if what not in _PLAIN or f"side.{side}" not in ENGLISH:
        return title(condition, language)
    words = WORDS[language]
    return _capital(words[f"side.{side}"].format(what=words[f"sign.{_PLAIN[what]}"]))


def plain(condition: str, language: str = "en") -> str:
    """Tell a patient what a condition means and what to do."""
    what, side = parts(condition)
    words = WORDS[language]
    what = _PLAIN.get(what, what)
    sign = words.get(f"sign.{what}", what.replace("_", " "))
    plainest = f"plain.{side}.{ENGLISH.get(f'sign.{what}', what)}"
    if plainest in words:
        return words[plainest]
    if side == "other":
        sign = words.get(f"condition.{condition}", sign)
    return words[f"plain.{side}"].format(what=sign)


def act(condition: str, language: str = "en") -> str:
    """Tell a clinician what to do about a condition."""
    if condition.endswith("_unusual"):
        return WORDS[language]["act.unusual"]
    found = (key for beginning, key in _ACTS if condition.startswith(beginning))
    return WORDS[language][next(found, "act.other")]


def parts(condition: str) -> tuple[str, str]:
    """Split a condition into what it is about and which way.

    >>> parts("heart_rate_high"), parts("device_battery_low"), parts("odd")
    (('heart_rate', 'high'), ('device_battery_low', 'battery'), ('odd', 'other'))
    """
    side = next((s for s in _SIDES if condition.endswith(s)), "other")
    side = "battery" if "battery" in condition else side
    return condition.removesuffix(f"_{side}"), side


def unit(ucum: str) -> str:
    """Write a unit for people.

    >>> unit("mm[Hg]")
    'mmHg'
    """
    return UNITS.get(ucum, ucum)


def number(value: float, digits: int) -> str:
    """Write a value, rounded half up as people do.

    >>> number(72.5, 0), number(36.65, 1)
    ('73', '36.7')
    """
    scale = 10**digits
    return f"{floor(value * scale + 0.5 + 1e-9) / scale:.{digits}f}"


def _capital(text: str) -> str:
    """Begin with a capital letter, and leave the others alone."""
    return text[:1].upper() + text[1:]
