"""One Istio service mesh over many Kubernetes clusters, as a Pulumi program."""
