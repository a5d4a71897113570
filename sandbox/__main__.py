"""`python -m sandbox`: local clusters from the command line."""

import argparse
import dataclasses
import os
import sys
from collections.abc import Callable, Sequence
from typing import get_args

from sandbox import cluster, stack, versions
from sandbox.cluster import Surroundings, environment, namespaces, status, supplies
from sandbox.cluster.surroundings import ApiServer, LoadBalancer
from sandbox.cluster.system import check_machine
from sandbox.errors import SandboxError
from sandbox.images import on_demand

_SURROUNDINGS = [field.name for field in dataclasses.fields(Surroundings)]


def _setup(_: argparse.Namespace) -> int:
    got = supplies.get()
    print(f"{len(got.tools)} tools in {supplies.bin_dir()}, {len(got.images)} images, charts in {got.charts}")
    for plugin in got.plugins:
        print(f"plugin {plugin}")
    return 0


def _start(options: argparse.Namespace) -> int:
    given = {name: value for name in _SURROUNDINGS if (value := getattr(options, name)) is not None}
    cluster.start(options.names, dict.fromkeys(options.names, Surroundings(**given)) if given else {})
    print(status.report())
    print('use them: eval "$(python -m sandbox env)"')
    return 0


def _stop(options: argparse.Namespace) -> int:
    if options.names and options.all:
        raise SandboxError("--all is for all clusters; leave the names away: python -m sandbox stop --all")
    for name in cluster.stop(options.names or None):
        print(f"stopped {name}")
    if options.all:
        environment.forget()
    return 0


def _status(_: argparse.Namespace) -> int:
    print(status.report())
    return 0


def _stack(_: argparse.Namespace) -> int:
    stack.prepare()
    print(status.table(cluster.find()))
    return 0


def _earlier_istio(_: argparse.Namespace) -> int:
    images = on_demand.earlier_istio()
    names = ", ".join(cluster.add_images(images)) or "no cluster: none is running"
    print(f"Istio {versions.ISTIO_EARLIER} is in {names}")
    return 0


def _env(_: argparse.Namespace) -> int:
    print("\n".join(environment.exports(environment.variables())))
    return 0


def _exec(options: argparse.Namespace) -> int:
    layout = cluster.named(options.name).layout
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise SandboxError("no command; for example: python -m sandbox exec east -- ctr -n k8s.io images ls")
    argv = namespaces.argv_inside(layout, command)
    os.execvp(argv[0], argv)  # noqa: S606 - the command is the user's own
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="Local clusters with real nodes.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, function: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(function=function)
        return command

    add("setup", _setup, "get packages, tools, images, charts and plugins")
    start = add("start", _start, "start clusters, or repair them")
    start.add_argument("names", nargs="+", metavar="NAME")
    _add_surroundings(start)
    stop = add("stop", _stop, "stop clusters and remove them; without names all")
    stop.add_argument("names", nargs="*", metavar="NAME")
    stop.add_argument("--all", action="store_true", help="remove the Pulumi state kept beside them, too")
    add("status", _status, "show the clusters")
    add("stack", _stack, "start the clusters of Pulumi.dev.yaml and make the stack dev ready for `pulumi up`")
    add("earlier-istio", _earlier_istio, f"load Istio {versions.ISTIO_EARLIER} into the running clusters")
    add("env", _env, 'print what a shell needs, for eval "$(python -m sandbox env)"')
    inside = add("exec", _exec, "run a command inside a cluster: in its network, mounts and processes")
    inside.add_argument("name", metavar="NAME")
    inside.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    return parser


def _add_surroundings(start: argparse.ArgumentParser) -> None:
    """Let a user say what is between new clusters and their peers; what is not said is None."""
    around = start.add_argument_group(
        "what is between the clusters and their peers",
        "Said when a cluster is new. By default, peers reach its API server and its load balancer.",
    )
    around.add_argument("--network", metavar="NAME", help="route pods to those of clusters with this network")
    around.add_argument(
        "--api-server",
        choices=get_args(ApiServer),
        help="let peers reach the API server by a relay (TLS, with certificates of its own), or by a proxy",
    )
    around.add_argument(
        "--load-balancer",
        choices=get_args(LoadBalancer),
        help="give Services of type LoadBalancer host names, or nothing; peers then reach NodePorts",
    )
    around.add_argument(
        "--external-ip",
        action="store_true",
        default=None,
        help="without load balancer: give the node an ExternalIP, by which peers reach NodePorts",
    )
    around.add_argument("--dual-stack", action="store_true", default=None, help="have IPv6, too")
    around.add_argument(
        "--nat", metavar="PORT:PORT", help="let a port of another address lead to one of the load balancer's"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; 1 with a message where that is not possible."""
    options = _parser().parse_args(arguments)
    try:
        check_machine()
        return options.function(options)
    except SandboxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        words = "interrupted; the next start finishes what was begun, and stop removes it"
        print(words, file=sys.stderr, flush=True)
        os._exit(130)  # without waiting for clusters that are on their way


if __name__ == "__main__":
    sys.exit(main())
