"""What holds for the stand-ins whatever they serve; official plugins are not asked."""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from sandbox.plugins import launchers


@pytest.fixture
def engine() -> Iterator[tuple[grpc.Server, str]]:
    """A server in the engine's place, which answers that it knows no method, and its address."""
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield server, f"127.0.0.1:{port}"
    server.stop(grace=None)


@pytest.mark.parametrize("name", launchers.MODULES)
def test_a_plugin_serves_while_its_engine_lives_and_ends_with_it(
    engine: tuple[grpc.Server, str], name: str, tmp_path: Path
) -> None:
    """The port is the first line of output; an engine that was killed leaves no plugin behind."""
    server, address = engine
    launchers.write(tmp_path / name, name)
    with subprocess.Popen([tmp_path / name, address], stdout=subprocess.PIPE, text=True) as plugin:
        assert plugin.stdout is not None
        with grpc.insecure_channel(f"127.0.0.1:{int(plugin.stdout.readline())}") as channel:
            grpc.channel_ready_future(channel).result(timeout=30)
        # Longer than the plugin takes to look after its engine.
        time.sleep(7)
        assert plugin.poll() is None, "it ended though the engine is there"
        server.stop(grace=None).wait()
        assert plugin.wait(timeout=30) == 0
