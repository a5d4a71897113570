"""The tag `default` is what the chart would make of it."""

from typing import Any

import pytest

from mesh.config.resolved import ClusterConfig
from mesh.istio.tag_webhooks import tag_webhooks
from tests.builders.charts import Manifests
from tests.builders.stacks import stack_config


def _cluster(**istiod: Any) -> ClusterConfig:
    istio = {"version": "1.31.0", "revision": "1-31-0", "values": {"istiod": istiod}}
    return stack_config({"east": {}}, istio=istio).clusters["east"]


def test_the_webhooks_are_those_of_the_chart() -> None:
    """Word for word, as recorded with `revisionTags`, and with injection everywhere."""
    (recorded,) = Manifests("tag")
    assert (
        list(tag_webhooks(_cluster(sidecarInjectorWebhook={"enableNamespacesByDefault": True})))
        == recorded["webhooks"]
    )


def test_namespaces_without_a_label_are_left_alone_by_default() -> None:
    """As they are by the control plane's own webhook."""
    (recorded,) = Manifests("tag")
    assert list(tag_webhooks(_cluster())) == [
        w for w in recorded["webhooks"] if not w["name"].startswith("auto.")
    ]


@pytest.mark.parametrize("policy", ["Never", "IfNeeded"])
def test_the_policy_is_that_of_the_users_values(policy: str) -> None:
    """The tag takes the place of the webhook that these are for."""
    webhooks = tag_webhooks(_cluster(sidecarInjectorWebhook={"reinvocationPolicy": policy}))
    assert {webhook["reinvocationPolicy"] for webhook in webhooks} == {policy}
