"""A Helm repository with one small chart, served over HTTP on this machine."""

import functools
import http.server
import subprocess
import threading
from pathlib import Path

NAME = "small"
VERSIONS = ("1.0.0", "1.1.0")

_CHART = """\
apiVersion: v2
name: small
version: 0.0.0
"""
_VALUES = """\
text: default
balancer: false
"""
_TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  text: {{ .Values.text | quote }}
  chart: {{ .Chart.Version | quote }}
{{- if .Values.balancer }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
spec:
  type: LoadBalancer
  ports: [{port: 80}]
{{- end }}
"""


class ChartRepository:
    """The repository's server; `url` is its address."""

    def __init__(self, folder: Path, helm: Path) -> None:
        packages, chart = folder / "packages", folder / NAME
        (chart / "templates").mkdir(parents=True)
        (chart / "Chart.yaml").write_text(_CHART)
        (chart / "values.yaml").write_text(_VALUES)
        (chart / "templates" / "all.yaml").write_text(_TEMPLATE)
        for version in VERSIONS:
            command = [helm, "package", chart, f"--version={version}", f"--app-version=app-{version}"]
            subprocess.run([*command, f"--destination={packages}"], check=True, capture_output=True)
        subprocess.run([helm, "repo", "index", packages], check=True, capture_output=True)
        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(_Quiet, directory=str(packages))
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing for each request."""
