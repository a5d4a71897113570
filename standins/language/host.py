"""The Python language host: the engine's way to run a program and to learn what it needs.

The service is `proto/pulumi/language.proto` in pulumi/pulumi. Served is what `pulumi preview`, `up`,
`refresh`, `destroy`, `policy analyze`, `install` and `about` ask for; code generation and debuggers are not,
and the engine is told so.
"""

# ruff: noqa: N802 - the methods have the protocol's names

import json
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from standins.language.environment import Environment
from standins.language.required import required_plugins
from standins.protocol import Host, ProviderError, engine_of_this_process, run_server

_EXECUTOR = Path(__file__).with_name("executor.py")
# The executor has told the user what was wrong; see executor.SHOWN. Of an interruption the engine tells.
_SHOWN = 32
_GRACE_SECONDS = 5.0
_PLUGINS_VIRTUALENV = "venv"
"""Where a plugin has its environment if it does not say: it never runs with the Python on the path."""


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Serves one engine; programs under way end when the engine says so."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._programs: set[subprocess.Popen[bytes]] = set()
        self._cancelled = threading.Event()

    def Handshake(self, request: Any, context: Any) -> Any:
        """Accept the engine that this process was started by."""
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        """Give the SDK's version, which this host goes with."""
        return plugin_pb2.PluginInfo(version=version("pulumi"))

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:
        """Give the plugins that the program needs; its environment is made first where there is none."""
        environment = _environment(request.info)
        if not environment.exists:
            for line in environment.install(Path(request.info.program_directory)):
                self._host.status("", line)
        return language_pb2.GetRequiredPackagesResponse(packages=required_plugins(environment.packages()))

    def Run(self, request: Any, context: Any) -> Any:
        """Run the program to its end; an error in it is part of the answer, not of the call."""
        if request.attach_debugger:
            raise ProviderError("the stand-in for Python's language host attaches no debugger")
        environment = _environment(request.info)
        variables = {
            **environment.variables(),
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        command = [environment.python(), str(_EXECUTOR), *self._arguments(request)]
        return _run_response(self._run(command, variables, context))

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:
        """Run a folder of Python that is a plugin, such as a policy pack; its output is streamed."""
        try:
            yield from self._run_plugin(request, context)
        except ProviderError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))

    def _run_plugin(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        if request.attach_debugger:
            raise ProviderError("the stand-in for Python's language host attaches no debugger")
        environment = _environment(request.info, default=_PLUGINS_VIRTUALENV)
        command = [environment.python(), request.info.program_directory, *request.args]
        variables = {**environment.variables(), **dict(entry.split("=", 1) for entry in request.env)}
        plugin = subprocess.Popen(
            command, cwd=request.pwd, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._programs.add(plugin)
        if self._cancelled.is_set() or not context.add_callback(lambda: _interrupt(plugin)):
            _interrupt(plugin)
        try:
            yield from _output(plugin)
            yield language_pb2.RunPluginResponse(exitcode=plugin.wait())
        finally:
            self._programs.discard(plugin)

    def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:
        """Make the program's environment, with its requirements.txt; pip's output is streamed."""
        environment = _environment(request.info)
        try:
            for line in environment.install(Path(request.info.program_directory)):
                yield language_pb2.InstallDependenciesResponse(stdout=line.encode())
        except ProviderError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:
        """List the packages of the program's environment."""
        environment = _environment(request.info)
        packages = environment.packages() if request.transitiveDependencies else environment.direct_packages()
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[
                language_pb2.DependencyInfo(name=package.name, version=package.version)
                for package in packages
            ]
        )

    def About(self, request: Any, context: Any) -> Any:
        """Say which Python and which pip the program runs with."""
        environment = _environment(request.info)
        return language_pb2.AboutResponse(
            executable=environment.python(),
            version=environment.version(),
            metadata={
                "toolchain": "Pip",
                "toolchainVersion": environment.pip_version(),
                "typechecker": "None",
            },
        )

    def Cancel(self, request: Any, context: Any) -> Any:
        """End the programs under way."""
        self.stop()
        return empty_pb2.Empty()

    def stop(self) -> None:
        """Interrupt the programs under way, and let no other begin."""
        self._cancelled.set()
        for program in tuple(self._programs):
            _interrupt(program)

    def _arguments(self, request: Any) -> list[str]:
        options = {
            "monitor": request.monitor_address,
            "engine": self._host.address,
            "project": request.project,
            "stack": request.stack,
            "root_directory": request.info.root_directory,
            "organization": request.organization,
            "pwd": request.pwd,
            "parallel": str(request.parallel),
            "dry_run": "true" if request.dryRun else "false",
        }
        given = [word for name, value in options.items() if value for word in (f"--{name}", value)]
        return [*given, request.info.entry_point, *request.args]

    def _run(self, command: list[str], variables: dict[str, str], context: grpc.ServicerContext) -> int:
        """Run the program, whose output is the host's and so the engine's, and give its exit code."""
        program = subprocess.Popen(command, env=variables)
        self._programs.add(program)
        # The engine may end the call, or have said Cancel before the program was known.
        if self._cancelled.is_set() or not context.add_callback(lambda: _interrupt(program)):
            _interrupt(program)
        try:
            return program.wait()
        finally:
            self._programs.discard(program)


def _environment(info: Any, *, default: str = "") -> Environment:
    options = {"virtualenv": default, **json_format.MessageToDict(info.options)}
    return Environment.from_options(options, Path(info.root_directory))


def _output(plugin: subprocess.Popen[bytes]) -> Iterator[Any]:
    """What a plugin prints, line by line, until it has ended."""
    lines: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def read(stream: IO[bytes] | None, response: Callable[[bytes], Any]) -> None:
        for line in stream or ():
            lines.put(response(line))
        lines.put(None)

    readers = (
        (plugin.stdout, lambda line: language_pb2.RunPluginResponse(stdout=line)),
        (plugin.stderr, lambda line: language_pb2.RunPluginResponse(stderr=line)),
    )
    for reader in readers:
        threading.Thread(target=read, args=reader, daemon=True).start()
    for _ in readers:
        yield from iter(lines.get, None)


def _run_response(exit_code: int) -> language_pb2.RunResponse:
    if exit_code in (_SHOWN, -signal.SIGINT):
        return language_pb2.RunResponse(bail=True)
    if exit_code < 0:
        return language_pb2.RunResponse(error=f"program ended by {signal.Signals(-exit_code).name}")
    if exit_code:
        return language_pb2.RunResponse(error=f"program exited with non-zero exit code: {exit_code}")
    return language_pb2.RunResponse()


def _interrupt(program: subprocess.Popen[bytes]) -> None:
    """Ask a running program to end, and end it after a short grace; one that has ended is left alone."""
    if program.poll() is None:
        program.send_signal(signal.SIGINT)
        threading.Timer(_GRACE_SECONDS, program.kill).start()


def main() -> None:
    """Serve the engine that started this process."""
    host = engine_of_this_process()
    language_host = LanguageHost(host)
    run_server(
        host,
        lambda server: language_pb2_grpc.add_LanguageRuntimeServicer_to_server(language_host, server),
        stop=language_host.stop,
    )
