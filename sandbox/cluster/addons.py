"""What every cluster has in it from the start: DNS, and the rights of the load balancer. Pure."""

from collections.abc import Mapping, Sequence

from sandbox.cluster.layout import DNS_ADDRESS, HOST_NAMES

_COREFILE = """\
.:53 {
  errors
  health
  ready
  template IN A HOST_NAMES {
    match "[.](?P<a>[0-9]+)-(?P<b>[0-9]+)-(?P<c>[0-9]+)-(?P<d>[0-9]+)[.]HOST_NAMES[.]$"
    answer "{{ .Name }} 5 IN A {{ .Group.a }}.{{ .Group.b }}.{{ .Group.c }}.{{ .Group.d }}"
  }
  template IN AAAA HOST_NAMES {
    rcode NOERROR
  }
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    pods insecure
    ttl 5
  }
  cache 5
  reload 10s
}
""".replace("HOST_NAMES", HOST_NAMES)
"""Nothing is forwarded: a sandbox calls nobody outside, and such a name fails at once."""


def manifests(dns_image: str) -> list[Mapping]:
    """Return the objects to apply to a new cluster."""
    return [*_dns_rights(), *_dns(dns_image), *_load_balancer_rights()]


def _role(name: str, rules: Sequence[Mapping], subject: Mapping) -> list[Mapping]:
    group = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [subject],
        },
    ]


def _dns_rights() -> list[Mapping]:
    watch = ["list", "watch"]
    rules = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": watch},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": watch},
    ]
    account = {"kind": "ServiceAccount", "name": "coredns", "namespace": "kube-system"}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta("coredns")},
        *_role("system:coredns", rules, account),
    ]


def _load_balancer_rights() -> list[Mapping]:
    rules = [
        {"apiGroups": [""], "resources": ["services"], "verbs": ["list", "watch"]},
        {"apiGroups": [""], "resources": ["services/status"], "verbs": ["patch"]},
    ]
    user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "sandbox:load-balancer"}
    return _role("sandbox:load-balancer", rules, user)


def _dns(image: str) -> list[Mapping]:
    labels = {"k8s-app": "kube-dns"}
    container = {
        "name": "coredns",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "resources": {"requests": {"cpu": "10m", "memory": "20Mi"}},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
    }
    pod = {
        "serviceAccountName": "coredns",
        "priorityClassName": "system-cluster-critical",
        "dnsPolicy": "Default",
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
    ]
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": _meta("coredns"),
            "data": {"Corefile": _COREFILE},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _meta("kube-dns", labels),
            "spec": {"clusterIP": DNS_ADDRESS, "selector": labels, "ports": ports},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": _meta("coredns", labels),
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
    ]


def _meta(name: str, labels: Mapping[str, str] | None = None) -> Mapping:
    return {"name": name, "namespace": "kube-system", **({"labels": labels} if labels else {})}
