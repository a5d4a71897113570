"""Reads the Services that have some labels."""

from collections.abc import Mapping

from mesh.config.resolved import Connection
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.facts import LabelledServices
from mesh.live.kubernetes_api import KubernetesApi


def read_labelled(connection: Connection, labels: Mapping[str, str]) -> LabelledServices:
    """The Services of a cluster that have all of these labels."""
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    try:
        items = KubernetesApi.connect(connection).list("/api/v1/services", labelSelector=selector)
    except UnreachableError as error:
        return LabelledServices(unreachable=str(error))
    except RefusedError as error:
        return LabelledServices(refused=str(error))
    names = ((str(item["metadata"]["name"]), str(item["metadata"]["namespace"])) for item in items)
    return LabelledServices(names=tuple(sorted(names)))
