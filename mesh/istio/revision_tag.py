"""The tag `default`: the webhook that leads to the control plane which serves what names no revision."""

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

    It moves in one update of one object, so that there is always one revision that it leads to. istiod keeps
    its own CA in it: a field that is not declared here, and stays as it is.
    """
    return kubernetes.admissionregistration.v1.MutatingWebhookConfiguration(
        f"{cluster.name}-{TAG_WEBHOOK}",
        metadata={
            "name": TAG_WEBHOOK,
            "labels": {
                "app": "sidecar-injector",
                # By them, istiod knows what is its own (`pkg/revisions/tag_watcher.go` in istio/istio).
                TAG_LABEL: DEFAULT_TAG,
                REVISION_LABEL: revision_label(serving(cluster).name),
            },
            "annotations": at(cluster.istio.values.istiod, "sidecarInjectorWebhookAnnotations") or {},
        },
        webhooks=tag_webhooks(cluster),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=needed)),
    )
