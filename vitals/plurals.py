"""How many of something, in English: one has a form of its own."""


def counted(text: str, n: object) -> str:
    """Give the form of a text for so many: of "one|several", or the only one.

    >>> [counted("{n} day|{n} days", n) for n in (0, 1, "1,000")]
    ['{n} days', '{n} day', '{n} days']
    """
    one, _, several = text.partition("|")
    return one if not several or str(n) == "1" else several


def several(n: float, noun: str) -> str:
    """Count things in English.

    >>> several(1, "record"), several(2820, "record"), several(0.5, "day")
    ('1 record', '2,820 records', '0.5 days')
    """
    return f"{n:,.12g} {noun}" + ("" if n == 1 else "s")
