"""Everything this project raises on purpose.

VitalsError
├── MalformedData   bytes or text from outside broke their specification
├── ConfigError     the operator must mend the file before we start
└── Unavailable     something we need is not there: a broker, a port, a file, a radio
"""


class VitalsError(Exception):
    """Base of all errors raised on purpose; its text is one line on what to do."""


class MalformedData(VitalsError):
    """Bytes or text from outside broke their specification."""


class ConfigError(VitalsError):
    """The configuration cannot be used."""


class Unavailable(VitalsError):
    """Something outside this process that we need is not there."""
