"""A program's own word on itself, shortened to what a person recognises."""

BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome"}
SYSTEMS = ("iPhone", "iPad", "Android", "Windows", "Mac OS", "Linux")


def plainly(agent: str) -> str:
    """Name a browser and its system; other programs keep their own word.

    >>> plainly("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0")
    'Chrome, Linux'
    >>> plainly("ward-display/2")
    'ward-display/2'
    """
    if not agent.startswith("Mozilla/"):
        return agent[:60]
    browser = next((name for key, name in BROWSERS.items() if key in agent), "Safari")
    system = next((name for name in SYSTEMS if name in agent), "")
    return f"{browser}, {system}" if system else browser
