"""Records what the selected stack's clusters answer to the readers: `python -m tests.recordings.record`."""

import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar
from unittest import mock

from mesh.cli import stack as stacks
from mesh.config.resolved import Connection
from mesh.health.verification import expected_pairs
from mesh.live import istio_system, pairs, trust
from mesh.live.answers import ApiError
from mesh.live.concurrent import for_each
from mesh.live.facts import Answers
from mesh.live.kubernetes_api import CommandOutput, KubernetesApi
from mesh.live.sample import call
from mesh.mappings import Json
from tests.recordings import redaction
from tests.recordings.compact import compact
from tests.recordings.recorded import CALLS, FILE, command_key, get_key, post_key, reader_of


class _RecordingApi(KubernetesApi):
    """An API server whose answers are kept, without secrets, by the name of the server and of its user."""

    kept: ClassVar[dict[str, dict[str, Mapping[str, object]]]] = {}
    clusters: ClassVar[dict[str, str]] = {}
    name = ""

    @classmethod
    def connect(cls, connection: Connection) -> "_RecordingApi":
        api = super().connect(connection)
        assert isinstance(api, cls)
        api.name = cls.clusters[api.server] = connection.context
        return api

    @classmethod
    def from_kubeconfig(cls, text: str) -> "_RecordingApi":
        api = super().from_kubeconfig(text)
        assert isinstance(api, cls)
        api.name = reader_of(cls.clusters[api.server])
        return api

    def get(self, path: str, **query: str) -> Json:
        key = get_key(path, query)
        try:
            document = super().get(path, **query)
        except ApiError as error:
            self._keep(key, {"status": error.status, "message": str(error)})
            raise
        self._keep(key, {"status": 200, "answer": redaction.answer(path, document)})
        return document

    def post(self, path: str, body: Json) -> Json:
        document = super().post(path, body)
        self._keep(post_key(path, body), {"status": 201, "answer": redaction.answer(path, document)})
        return document

    def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], *, timeout: float
    ) -> CommandOutput:
        output = super().execute(namespace, pod, container, command, timeout=timeout)
        streams = {"stdout": redaction.output(output.stdout), "stderr": redaction.output(output.stderr)}
        self._keep(command_key(namespace, pod, container, command), streams)
        return output

    def _keep(self, key: str, value: Mapping[str, object]) -> None:
        self.kept.setdefault(self.name, {"server": {"url": self.server}})[key] = value


def main() -> None:
    """Run all readers, and write what they were answered."""
    work = stacks.workspace()
    config = stacks.configuration(work, stacks.selected(work, None))
    with contextlib.ExitStack() as patches:
        for module in (istio_system, pairs, trust):
            patches.enter_context(mock.patch.object(module, "KubernetesApi", _RecordingApi))
        istio_system.read_clusters(config)
        trust.read_cluster_trust(config, workloads=True)
        connections = pairs.connect(config, config.clusters)
        for_each(config.clusters, lambda name: call(connections.apis[name], CALLS))
        # The paths of calls are read only where there was no answer.
        nothing = {name: Answers() for name in config.clusters}
        pairs.read_pairs(config, expected_pairs(config), nothing, connections)
    recording = {"recorded": datetime.now(UTC).isoformat(timespec="seconds"), "apis": _RecordingApi.kept}
    FILE.write_text(json.dumps(compact(recording), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    sys.stdout.write(f"{FILE}: {FILE.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
