"""`python -m sandbox.tools [name ...]`: have the tools ready, and print where they are."""

import sys

from sandbox import tools
from sandbox.errors import SandboxError


def main() -> int:
    """Print `<name> <path>` for each tool; 1 if one cannot be had."""
    try:
        for name, path in tools.ensure(sys.argv[1:] or tools.NAMES).items():
            print(name, path)
    except SandboxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
