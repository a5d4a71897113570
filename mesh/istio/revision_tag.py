"""The tag `default`: the webhook that leads pods without a revision to the control plane that serves."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from mesh.config.resolved import ClusterConfig
from mesh.istio.names import DEFAULT_TAG, REVISION_LABEL, TAG_LABEL, TAG_WEBHOOK, revision_label
from mesh.istio.revisions import serving
from mesh.istio.tag_webhooks import tag_webhooks
from mesh.mappings import at


def revision_tag(
    cluster: ClusterConfig, needed: Sequence[pulumi.Resource], opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    """The tag, after the control planes in `needed`.

    One update of one object moves it, so it always leads to exactly one revision. istiod keeps its CA in it:
    that field is not declared here, and stays as it is.
    """
    return kubernetes.admissionregistration.v1.MutatingWebhookConfiguration(
        f"{cluster.name}-{TAG_WEBHOOK}",
        metadata={
            "name": TAG_WEBHOOK,
            "labels": {
                "app": "sidecar-injector",
                # istiod recognizes its own webhooks by them (`pkg/revisions/tag_watcher.go` in istio/istio).
                TAG_LABEL: DEFAULT_TAG,
                REVISION_LABEL: revision_label(serving(cluster).name),
            },
            "annotations": at(cluster.istio.values.istiod, "sidecarInjectorWebhookAnnotations") or {},
        },
        webhooks=tag_webhooks(cluster),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=needed)),
    )
