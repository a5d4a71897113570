"""Run one Pulumi program; started by the language host with the Python of the program's environment.

This file is run as a script and imports nothing of this project: the program's environment has
`pulumi`, and need not have anything of this project. The exit code tells the host what is left to
say: 0 for success, `SHOWN` when the user has already been given the error.
"""

import argparse
import asyncio
import logging
import os
import runpy
import signal
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType, TracebackType

# Agreed between Pulumi's language hosts and their executors (pulumi-language-python, main.go).
SHOWN = 32


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run a Pulumi program for the engine.")
    for option in ("monitor", "engine", "project", "stack", "root_directory", "organization", "pwd"):
        parser.add_argument(f"--{option}")
    parser.add_argument("--parallel", type=int)
    parser.add_argument("--dry_run", type=lambda text: text == "true")
    parser.add_argument("program", help="a file, or a folder with a __main__.py")
    parser.add_argument("args", nargs=argparse.REMAINDER)
    return parser.parse_args()


def _configure(arguments: argparse.Namespace) -> None:
    """Connect the SDK to the engine, with the stack's configuration from the environment."""
    import pulumi.runtime

    pulumi.runtime.set_all_config(
        pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env()
    )
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            monitor=arguments.monitor,
            engine=arguments.engine,
            project=arguments.project,
            stack=arguments.stack,
            parallel=arguments.parallel,
            dry_run=arguments.dry_run,
            organization=arguments.organization,
            root_directory=arguments.root_directory,
        )
    )


def _is_of_program(frame: TracebackType, program: Path) -> bool:
    file = Path(frame.tb_frame.f_code.co_filename).resolve()
    return file in (program, program / "__main__.py")


def _program_traceback(error: BaseException, program: Path) -> str:
    """Give the traceback from the program's own first line on, without the machinery that called it."""
    frame = error.__traceback__
    while frame is not None and not _is_of_program(frame, program):
        frame = frame.tb_next
    return "".join(traceback.format_exception(type(error), error, frame or error.__traceback__))


async def _run(program: str) -> None:
    import pulumi.runtime

    def run() -> None:
        runpy.run_path(program, run_name="__main__")

    await pulumi.runtime.run_in_stack(run)


def _run_to_the_end(program: str, parallel: int) -> int:
    """Run the program on an event loop of its own and give the exit code; errors go to the engine's log."""
    import pulumi

    # The program's graph is left unfinished when a resource fails; asyncio's complaints about the
    # futures that nobody awaited would hide the error that matters.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    path = Path(program).resolve()
    with ThreadPoolExecutor(max_workers=max(parallel, 1) * 4) as threads:
        loop.set_default_executor(threads)
        try:
            loop.run_until_complete(_run(program))
        except pulumi.RunError as error:
            pulumi.log.error(str(error))
            return 1
        except Exception as error:  # noqa: BLE001 - whatever the program raises is the user's to see
            pulumi.log.error(
                "Program failed with an unhandled exception:\n" + _program_traceback(error, path)
            )
            return SHOWN
    return 0


def _first_interruption(number: int, frame: FrameType | None) -> None:
    """End the program. The terminal and the host may both interrupt it, once it is on its way out, too."""
    signal.signal(signal.SIGINT, _later_interruption)
    raise KeyboardInterrupt


def _later_interruption(number: int, frame: FrameType | None) -> None:
    """Do nothing; of SIG_IGN, set while a signal is on its way, Python would complain."""


def main() -> int:
    """Run the program named by the arguments and give the exit code; interrupted, it ends silently."""
    signal.signal(signal.SIGINT, _first_interruption)
    try:
        try:
            return _run_as_told(_arguments())
        finally:
            signal.signal(signal.SIGINT, _later_interruption)
    except KeyboardInterrupt:  # the host passes on that the user wants the end, and the engine says so
        return SHOWN


def _run_as_told(arguments: argparse.Namespace) -> int:
    # Python put this script's folder first; its neighbours are not for the program to import.
    del sys.path[0]
    try:
        import pulumi
    except ImportError:
        print(
            f"{sys.executable} has no `pulumi` package. "
            "Install the program's dependencies there: pip install -r requirements.txt",
            file=sys.stderr,
        )
        return 1
    _configure(arguments)
    sys.argv = [arguments.program, *arguments.args]
    if arguments.pwd:
        os.chdir(arguments.pwd)
    program = Path(arguments.program)
    if program.is_dir() and not (program / "__main__.py").exists():
        pulumi.log.error(f"unable to find main python program `__main__.py` in `{program.resolve()}`")
        return SHOWN
    return _run_to_the_end(arguments.program, arguments.parallel or 1)


if __name__ == "__main__":
    sys.exit(main())
