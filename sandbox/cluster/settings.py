"""What each process of a cluster is told: configuration as data, and command lines. Pure.

Reasons for values that differ from the defaults are given here, once.
"""

from ipaddress import ip_network

from sandbox.cluster.kubeconfig import client_file
from sandbox.cluster.layout import (
    API_PORT,
    DNS_ADDRESS,
    POD_RANGE_V6,
    SERVICE_RANGE,
    SERVICE_RANGE_V6,
    ClusterLayout,
)

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
CONTAINERD_ROOT = "/var/lib/containerd"
CNI_PROGRAMS = "/opt/cni/bin"
CNI_SETTINGS = "/etc/cni/net.d"
"""Where Istio's chart `cni` expects them, and most distributions of Kubernetes have them."""

TOKENS = "/run/kubernetes/tokens.csv"
"""Inside, in memory: the administrator's token is on disk in the kubeconfig only."""

RESOLVER = "/run/kubernetes/resolv.conf"
ETCD_CLIENTS = "http://127.0.0.1:2379"
ETCD_PEERS = "http://127.0.0.1:2380"

NODE_STATUS_INTERVAL = "4s"
NODE_GRACE = "20s"
"""A node that has been silent for so long is not ready: a test of a dead node need not take a minute."""


def containerd(pause_image: str) -> dict:
    """Return containerd's configuration, for programs that see the cluster's own /run.

    `restrict_oom_score_adj`: in a container or a small virtual machine, root often may not lower it.
    """
    cri = {
        "sandbox_image": pause_image,
        "restrict_oom_score_adj": True,
        "cni": {"bin_dir": CNI_PROGRAMS, "conf_dir": CNI_SETTINGS},
    }
    paths = containerd_store(root=CONTAINERD_ROOT, state="/run/containerd", socket=CONTAINERD_SOCKET)
    return {**paths, "plugins": {"io.containerd.grpc.v1.cri": cri}}


def containerd_store(*, root: str, state: str, socket: str) -> dict:
    """Return the configuration (version 2) of a containerd that only keeps images."""
    return {
        "version": 2,
        "root": root,
        "state": state,
        "grpc": {"address": socket},
        "disabled_plugins": [],
    }


def cni(cluster: ClusterLayout) -> dict:
    """Return the network of the pods: a bridge in the node, whose rules mask addresses on the way out.

    Addresses in use are kept in /run, so that those of pods that a crash took away come back.
    """
    pods = {
        "type": "host-local",
        "dataDir": "/run/cni/addresses",
        "ranges": [[{"subnet": pods}] for pods in _pod_ranges(cluster)],
        "routes": [{"dst": "0.0.0.0/0"}, *([{"dst": "::/0"}] if cluster.surroundings.dual_stack else [])],
    }
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": pods,
    }
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }


def _pod_ranges(cluster: ClusterLayout) -> list[str]:
    return [cluster.pod_range, *([POD_RANGE_V6] if cluster.surroundings.dual_stack else [])]


def _node_addresses(cluster: ClusterLayout) -> list[str]:
    return [cluster.node_address, *([cluster.node_address_v6] if cluster.node_address_v6 else [])]


def kubelet_file(cluster: ClusterLayout) -> dict:
    """Return the kubelet's configuration.

    `syncFrequency`: a changed Secret is in its pods' volumes within ten seconds, not a minute.
    `crashLoopBackOff`: a container that failed is started again after three seconds, not up to five minutes.
    `evictionHard`, `imageGCHighThresholdPercent`: a developer's disk is full, and no reason to stop pods.
    """
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": cluster.node_address,
        "healthzBindAddress": "127.0.0.1",
        "tlsCertFile": str(cluster.pki / "kubelet-server.crt"),
        "tlsPrivateKeyFile": str(cluster.pki / "kubelet-server.key"),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(cluster.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cluster.cgroup}",
        "cgroupsPerQOS": True,
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": RESOLVER,
        "volumePluginDir": "/run/kubernetes/volume-plugins",
        "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%", "memory.available": "100Mi"},
        "imageGCHighThresholdPercent": 100,
        "maxPods": 200,
        "syncFrequency": "10s",
        "crashLoopBackOff": {"maxContainerRestartPeriod": "3s"},
        "configMapAndSecretChangeDetectionStrategy": "Watch",
        "nodeStatusUpdateFrequency": NODE_STATUS_INTERVAL,
        "nodeLeaseDurationSeconds": 12,
        "kubeAPIQPS": 100,
        "kubeAPIBurst": 200,
    }


def kube_proxy_file(cluster: ClusterLayout) -> dict:
    """Return kube-proxy's configuration.

    `conntrack`: those settings belong to the first network namespace, and are left alone.
    `nodePortAddresses`: peers reach the load balancer's addresses, and shall find no node port there, unless
    it is by node ports that they are served.
    `minSyncPeriod`: a new endpoint gets its traffic at once; there are few Services.
    """
    node_ports = _node_addresses(cluster)
    if cluster.surroundings.load_balancer == "hostname":
        node_ports += cluster.service_addresses
    if cluster.external_address:
        node_ports.append(cluster.external_address)
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(client_file(cluster, "kube-proxy"))},
        "mode": "iptables",
        "clusterCIDR": ",".join(_pod_ranges(cluster)),
        "hostnameOverride": cluster.node,
        "bindAddress": cluster.node_address,
        "nodePortAddresses": [str(ip_network(address)) for address in node_ports],
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "iptables": {"minSyncPeriod": "100ms", "syncPeriod": "30s"},
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }


def encryption(key: str) -> dict:
    """Return how Secrets are encrypted in etcd; `key` is 32 bytes in base64.

    Tokens and CA keys of a mesh shall be in no file in plain text, and etcd's are files here.
    """
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [
            {
                "resources": ["secrets"],
                "providers": [
                    {"secretbox": {"keys": [{"name": "sandbox", "secret": key}]}},
                    {"identity": {}},
                ],
            }
        ],
    }


def etcd(cluster: ClusterLayout) -> list[str]:
    """Return etcd's arguments. Unsafe without fsync: a power failure may cost a sandbox, and only that."""
    return [
        f"--name={cluster.node}",
        f"--data-dir={cluster.folder / 'etcd'}",
        f"--listen-client-urls={ETCD_CLIENTS}",
        f"--advertise-client-urls={ETCD_CLIENTS}",
        f"--listen-peer-urls={ETCD_PEERS}",
        f"--initial-advertise-peer-urls={ETCD_PEERS}",
        f"--initial-cluster={cluster.node}={ETCD_PEERS}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def kube_apiserver(cluster: ClusterLayout) -> list[str]:
    """Return the API server's arguments.

    It has the node's address in the sandbox, the same for peers, pods and this machine.
    """
    pki = cluster.pki
    services = f"{SERVICE_RANGE},{SERVICE_RANGE_V6}" if cluster.surroundings.dual_stack else SERVICE_RANGE
    return [
        f"--etcd-servers={ETCD_CLIENTS}",
        f"--bind-address={cluster.node_address}",
        f"--advertise-address={cluster.node_address}",
        f"--secure-port={API_PORT}",
        f"--tls-cert-file={pki / 'kube-apiserver.crt'}",
        f"--tls-private-key-file={pki / 'kube-apiserver.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        f"--kubelet-client-certificate={pki / 'apiserver-to-kubelet.crt'}",
        f"--kubelet-client-key={pki / 'apiserver-to-kubelet.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki / 'service-accounts.pub'}",
        f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
        f"--token-auth-file={TOKENS}",
        f"--encryption-provider-config={cluster.settings / 'encryption.yaml'}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--service-cluster-ip-range={services}",
        "--allow-privileged",
        "--event-ttl=15m",
        # The other way, by leases, leaves the address of a killed server, or of before a move, in the
        # Service `kubernetes` for 15 s, and half of the pods' calls to the API hang.
        "--endpoint-reconciler-type=master-count",
        "--profiling=false",
        "--v=0",
    ]


def kube_controller_manager(cluster: ClusterLayout) -> list[str]:
    """Return the controller manager's arguments: alone, and quick to roll things out."""
    config = client_file(cluster, "kube-controller-manager")
    return [
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--bind-address=127.0.0.1",
        f"--service-account-private-key-file={cluster.pki / 'service-accounts.key'}",
        f"--root-ca-file={cluster.pki / 'ca.crt'}",
        f"--cluster-signing-cert-file={cluster.pki / 'ca.crt'}",
        f"--cluster-signing-key-file={cluster.pki / 'ca.key'}",
        "--use-service-account-credentials",
        "--controllers=*,-node-ipam-controller",
        "--leader-elect=false",
        "--node-monitor-period=2s",
        f"--node-monitor-grace-period={NODE_GRACE}",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--profiling=false",
        "--v=0",
    ]


def kube_scheduler(cluster: ClusterLayout) -> list[str]:
    """Return the scheduler's arguments."""
    config = client_file(cluster, "kube-scheduler")
    return [
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--profiling=false",
        "--v=0",
    ]


def kubelet(cluster: ClusterLayout) -> list[str]:
    """Return the kubelet's arguments.

    `cloud-provider`: addresses that somebody else gives to the node are left alone then.
    """
    return [
        *(["--cloud-provider=external"] if cluster.external_address else []),
        f"--config={cluster.settings / 'kubelet.yaml'}",
        f"--kubeconfig={client_file(cluster, 'kubelet')}",
        f"--hostname-override={cluster.node}",
        f"--node-ip={','.join(_node_addresses(cluster))}",
        "--v=0",
    ]
