"""Run by pyrofile's own interpreter: what it finds wrong, as JSON lines.

pyrofile_check.py resources          one resource a line on standard input
pyrofile_check.py api URL TOKEN TYPE ID    its tests of a base R4 server
"""

import json
import sys

from pyrofile_validator import (
    ApiTestOptions,
    Validator,
    load_builtin_api_test_plan,
    run_api_tests,
)
from pyrofile_validator.config import ValidatorConfig


def resources():
    # It is given no profiles: with R4's it finds faults in valid vital signs.
    settings = ValidatorConfig(
        error_on_unknown_profile=False, allow_unknown_extensions=True
    )
    validator = Validator(settings)
    for line in sys.stdin:
        report = validator.validate_resource(json.loads(line))
        wrong = [
            f"{issue.path}: {issue.message}"
            for issue in report.issues
            if issue.severity.value == "error"
        ]
        print(json.dumps(wrong))


def api(url, token, kind, name):
    options = ApiTestOptions(
        headers={"Authorization": f"Bearer {token}"},
        inputs={"resourceType": kind, "resourceId": name, "versionId": "1"},
    )
    plan = load_builtin_api_test_plan("base-r4")
    for scenario in run_api_tests(url, plan, options=options).scenarios:
        faults = [a.message for a in scenario.assertions if a.status.value != "PASS"]
        print(json.dumps([scenario.id, scenario.status.value, faults]))


if __name__ == "__main__":
    {"resources": resources, "api": api}[sys.argv[1]](*sys.argv[2:])
