"""`python -m benchmarks`: one subcommand for each benchmark, imported only when it is asked for."""

import importlib
import sys
from collections.abc import Sequence

COMMANDS = {
    "mesh": ("benchmarks.mesh.command", "the program and Istio's documented way, on the sandbox's clusters"),
    "scale": ("benchmarks.scale.command", "program and engine for many clusters, without API servers"),
    "plot": ("benchmarks.mesh.plot", "table and picture in docs/benchmarks, from the data of `mesh`"),
}
"""Each module has `main(arguments)`, which gives the exit code."""

_PACKAGES = ("matplotlib", "psutil")
"""What `requirements-bench.txt` adds to the environment."""


def main(arguments: Sequence[str]) -> int:
    """Run the subcommand that the first argument names; 2 with the list of them where it names none.

    Without the benchmarks' packages it prints how to install them, and gives 1.
    """
    name, *rest = arguments or [""]
    if name not in COMMANDS:
        asked = name in ("-h", "--help")
        lines = ["usage: python -m benchmarks COMMAND ...", ""]
        lines += [f"  {command:<8}{text}" for command, (_, text) in COMMANDS.items()]
        print("\n".join(lines), file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 2
    try:
        command = importlib.import_module(COMMANDS[name][0])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise
        print(
            f"error: the benchmarks need the Python package {error.name}; run `make .venv/bench`",
            file=sys.stderr,
        )
        return 1
    return command.main(rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
