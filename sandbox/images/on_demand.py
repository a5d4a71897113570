"""Images that a sandbox has only on request: for the tests of connections, and of upgrades.

cluster.add_images(on_demand.earlier_istio())
"""

from collections.abc import Callable
from pathlib import Path

from sandbox import tools, versions
from sandbox.images import recipes, supply
from sandbox.images.content import File
from sandbox.tools.catalogue import EARLIER_ISTIO, earlier

CONNECTIONS = "localhost/connections:1"
"""A server and a client of long connections: `connections/main.go` says what they do."""


def connections(*, say: Callable[[str], None] = print) -> list[Path]:
    """Return the tar of `CONNECTIONS`, alone in a list; make it if it is missing.

    Raises:
        SandboxError: its program cannot be built.
    """
    path = "/connections"
    program = File(path=path, source=recipes.program(Path(__file__).with_name("connections")))
    image = recipes.image("connections", (CONNECTIONS,), ((path,), recipes.PLAIN_USER, [program]))
    return [supply.put_together(image, say=say)]


def earlier_istio(*, say: Callable[[str], None] = print) -> list[Path]:
    """Return the tars of the earlier Istio's istiod and proxy; make them if they are missing.

    They have the tag that its charts ask for, `versions.ISTIO_EARLIER`.

    Raises:
        SandboxError: a program that goes into one cannot be built.
    """
    programs = tools.ensure([earlier(name) for name in ("pilot-discovery", "pilot-agent")], say=say)
    source = tools.module_dir(EARLIER_ISTIO, "istio.io/istio")
    contents = {
        "pilot": recipes.pilot(programs[earlier("pilot-discovery")]),
        "proxyv2": recipes.proxyv2(programs[earlier("pilot-agent")], source),
    }
    return [
        supply.put_together(
            recipes.image(earlier(name), (f"localhost/istio/{name}:{versions.ISTIO_EARLIER}",), content),
            say=say,
        )
        for name, content in contents.items()
    ]
