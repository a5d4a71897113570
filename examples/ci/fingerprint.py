"""Print a fingerprint of what an update would do; it reads what `pulumi preview --json` prints.

It has each step, its resource and the properties that differ, and nothing of their values. Of one commit, two
previews have the same fingerprint as long as nobody has changed state or clusters in between.
"""

import hashlib
import json
import sys

_NOTHING = ("same", "read")


def main() -> None:
    """Read standard input, and print the fingerprint."""
    steps = [
        (step["op"], step["urn"], sorted(step.get("diffReasons") or ()))
        for step in json.load(sys.stdin).get("steps", ())
        if step["op"] not in _NOTHING
    ]
    print(hashlib.sha256(json.dumps(sorted(steps)).encode()).hexdigest())


if __name__ == "__main__":
    main()
