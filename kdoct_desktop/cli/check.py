"""``kdoct self-check``: can this installation work?"""

import json

from kdoct_desktop.app.self_check import lines, run


def run_check(*, as_json: bool) -> int:
    """Print the result; 0 when all is in order, 1 otherwise."""
    report = run()
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        print("\n".join(lines(report)))
    return 0 if report["ok"] else 1
