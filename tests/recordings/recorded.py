"""A mesh of two clusters as it was recorded: what its API servers and pods answer, and changes to that.

East and west have HelloWorld, and every call is answered. Tests change a copy: they take objects out, edit
them, or let a server refuse.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import Configuration

from mesh.config.resolved import Connection, StackConfig
from mesh.live import istio_system, pairs, trust
from mesh.live.answers import ApiError, RefusedError, UnreachableError
from mesh.live.kubernetes_api import CommandOutput, ExecError, KubernetesApi
from mesh.mappings import Json
from tests.builders.kubeconfigs import kubeconfig
from tests.builders.stacks import stack_config
from tests.recordings.compact import expanded
from tests.recordings.redaction import MADE_UP_TOKEN

FILE = Path(__file__).with_name("two-clusters.json")
CALLS = 12
"""Calls from each client in the recording."""
SYSTEM = "/api/v1/namespaces/istio-system"
SAMPLE = "/api/v1/namespaces/sample"


def reader_of(cluster: str) -> str:
    """The name under which the answers to a cluster's reader are recorded, which may do less."""
    return f"{cluster}, asked by its reader"


def get_key(path: str, query: Mapping[str, str]) -> str:
    """The key of a GET in the recording."""
    return f"GET {path}" + "".join(f" {key}={value}" for key, value in sorted(query.items()))


def post_key(path: str, body: Json) -> str:
    """The key of a POST in the recording."""
    return f"POST {path} {json.dumps(body, sort_keys=True)}"


def command_key(namespace: str, pod: str, container: str, command: Sequence[str]) -> str:
    """The key of a command in the recording; a script's text is left out."""
    return " ".join(["EXEC", namespace, pod, container, *(word for word in command if "\n" not in word)])


class Recording:
    """The stack that was recorded, and the answers of each API server by request, to be changed by a test."""

    def __init__(self) -> None:
        document = expanded(json.loads(FILE.read_text(encoding="utf-8")), _with_tokens)
        self.time = datetime.fromisoformat(document["recorded"])
        self.settings: dict[str, dict[str, Any]] = {}
        self._apis: dict[str, dict[str, dict[str, Any]]] = document["apis"]

    @property
    def config(self) -> StackConfig:
        """The stack that was recorded, with the settings of clusters that a test adds."""
        names = ("east", "west")
        contents = kubeconfig({name: f"https://{name}.example.com:6443" for name in names})
        clusters = {n: {"kubeconfigContents": contents, **self.settings.get(n, {})} for n in names}
        return stack_config(clusters, secret={"clusters"}, helloWorld=True)

    def api(self, name: str) -> "RecordedApi":
        """The API server of a cluster, or the same asked by its reader."""
        return RecordedApi(self._apis[name])

    def api_of_reader(self, server: str) -> "RecordedApi":
        """The API server at a URL, asked by the reader.

        Raises:
            UnreachableError: there is none.
        """
        for name in self.config.clusters:
            if self._apis[reader_of(name)]["server"]["url"] == server:
                return self.api(reader_of(name))
        raise UnreachableError(f"no answer from {server}: timed out")

    def replace_clients(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the readers connect to the recorded API servers."""

        class Client(KubernetesApi):
            """Kubeconfigs are read by the real client; what they lead to is recorded."""

            @classmethod
            def connect(cls, connection: Connection) -> KubernetesApi:
                KubernetesApi.connect(connection)
                return self.api(connection.context)

            @classmethod
            def from_kubeconfig(cls, text: str) -> KubernetesApi:
                return self.api_of_reader(KubernetesApi.from_kubeconfig(text).server)

        for module in (istio_system, pairs, trust):
            monkeypatch.setattr(module, "KubernetesApi", Client)

    def object(self, name: str, path: str, **query: str) -> dict[str, Any]:
        """The object or list at a path, to be edited."""
        return self._apis[name][get_key(path, query)]["answer"]

    def items(self, name: str, path: str, **query: str) -> list[dict[str, Any]]:
        """The items of a list, to be edited."""
        return self.object(name, path, **query)["items"]

    def reviews(self, name: str) -> list[dict[str, Any]]:
        """The answers to reviews of a user's rights, to be edited."""
        return [value["answer"] for key, value in self._apis[name].items() if key.startswith("POST")]

    def add(self, name: str, path: str, answer: dict[str, Any], **query: str) -> None:
        """Let an API server have something that was not asked for when it was recorded."""
        self._apis[name][get_key(path, query)] = {"status": 200, "answer": answer}

    def add_review(self, name: str, group: str, resource: str, *, allowed: bool) -> None:
        """Let an API server say whether a user may list something that was not asked for."""
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"verb": "list", "group": group, "resource": resource}},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = {**body, "status": {"allowed": allowed}}
        self._apis[name][post_key(path, body)] = {"status": 200, "answer": answer}

    def add_output(self, name: str, command: str, stdout: str) -> None:
        """Let a command print something that was not run when it was recorded; its key without `EXEC`."""
        self._apis[name][f"EXEC {command}"] = {"stdout": stdout, "stderr": ""}

    def remove(self, name: str, path: str, **query: str) -> None:
        """Let an object, or the kind of a list, not exist."""
        self._apis[name][get_key(path, query)] = {"status": 404, "message": f"{path} not found"}

    def answer(self, name: str, path: str, answer: dict[str, Any]) -> None:
        """Let an API server answer a request that was not recorded."""
        self._apis[name][get_key(path, {})] = answer

    def refuse(self, name: str, status: int, message: str, *, only: str = "") -> None:
        """Let an API server refuse all requests, or those whose path contains a text."""
        requests = [key for key in self._apis[name] if key.startswith(("GET", "POST")) and only in key]
        assert requests, f"no request of {name} has {only} in it"
        self._apis[name] |= {key: {"status": status, "message": message} for key in requests}

    def disconnect(self, name: str) -> None:
        """Let an API server not answer."""
        self._apis[name]["server"]["unreachable"] = "timed out"

    def show_a_login_page(self, name: str) -> None:
        """Let something else answer in the place of an API server."""
        self._apis[name]["server"]["else"] = "a login page"

    def change_output(self, name: str, command: str, change: Callable[[str], str]) -> None:
        """Change what commands print on both streams whose words contain a text."""
        found = [
            value for key, value in self._apis[name].items() if key.startswith("EXEC") and command in key
        ]
        assert found, f"no command in {name} has {command} in it"
        for output in found:
            output |= {stream: change(text) for stream, text in output.items()}

    def fail_commands(self, name: str, command: str) -> None:
        """Let commands not start whose words contain a text."""
        self.change_output(name, command, lambda _: "")
        for key, output in self._apis[name].items():
            if key.startswith("EXEC") and command in key:
                output["failure"] = f"no command can be run: {command}"

    def answer_calls(self, caller: str, line: str) -> None:
        """Let every call from a cluster's client have one outcome, as the client prints it."""
        self.change_output(caller, "client sh -c", lambda text: f"{line}\n" * CALLS if text else text)


class RecordedApi(KubernetesApi):
    """One recorded API server; a request that was not recorded fails the test."""

    def __init__(self, answers: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(Configuration(host=answers["server"]["url"]))
        self._answers = answers

    def get(self, path: str, **query: str) -> Json:
        """Give the recorded answer."""
        return self._given(get_key(path, query))

    def post(self, path: str, body: Json) -> Json:
        """Give the recorded answer."""
        return self._given(post_key(path, body))

    def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], *, timeout: float
    ) -> CommandOutput:
        """Give the recorded output."""
        output = self._recorded(command_key(namespace, pod, container, command))
        if failure := output.get("failure"):
            raise ExecError(failure)
        return CommandOutput(stdout=output["stdout"], stderr=output["stderr"])

    def _given(self, key: str) -> Json:
        answer = self._recorded(key)
        if "answer" not in answer:
            raise ApiError(answer["status"], answer["message"])
        return answer["answer"]

    def _recorded(self, key: str) -> Mapping[str, Any]:
        if what := self._answers["server"].get("else"):
            raise RefusedError(f"{self.server} is {what}")
        if why := self._answers["server"].get("unreachable"):
            raise UnreachableError(f"no answer from {self.server}: {why}")
        assert key in self._answers, f"not in the recording, see tests/recordings/README.md: {key}"
        return self._answers[key]


def _with_tokens(text: str) -> str:
    """Put tokens into a text whose claims are those of the recorded ones; nobody has signed them."""
    return re.sub(rf"{MADE_UP_TOKEN}([\w-]+)", lambda found: _token(found[1]), text)


def _token(secret: str) -> str:
    claims = json.dumps({"kubernetes.io/serviceaccount/secret.name": secret})
    return f"header.{base64.urlsafe_b64encode(claims.encode()).decode().rstrip('=')}.signature"
