"""The words of the clinicians' pages: English, Chinese."""

CARE: dict[str, tuple[str, str]] = {
    # whom an alert calls
    "call.told": ("told: {names}", "已通知：{names}"),
    "call.next": ("next: {names} at {time}", "下一步：{time} 通知 {names}"),
    "call.house": ("the whole house", "全体人员"),
    "messages": ("Messages", "消息"),
    "messages.delivered": ("{n} delivered", "已送达 {n}"),
    "messages.pending": ("{n} waiting", "等待 {n}"),
    "messages.failed": ("{n} given up", "发送失败 {n}"),
    "messages.passed": ("told by another channel", "已由其他渠道通知"),
    "messages.none": ("Nobody was sent a message.", "未发送任何消息。"),
    "the_house": ("The house", "系统"),
    # keys
    "keys": ("Keys", "快捷键"),
    "keys.hint": ("Keys: j k a s, ? for help", "快捷键：j k a s，按 ? 查看帮助"),
    "keys.j": ("next alert", "下一条警报"),
    "keys.k": ("alert before", "上一条警报"),
    "keys.a": ("acknowledge it", "确认"),
    "keys.s": ("snooze it for 15 minutes", "暂停 15 分钟"),
    "keys.o": ("open it", "打开"),
    "keys.help": ("this help", "显示此帮助"),
    "keys.on": ("Use these keys in this browser", "在此浏览器中启用快捷键"),
    "keys.close": ("Close", "关闭"),
}
