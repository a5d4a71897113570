"""Every bad configuration is refused with one clear message: where, what is wrong, what was expected."""

import errno
import os
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from mesh.config.problems import ConfigurationError
from mesh.load import load
from mesh.mappings import deep_merge
from tests.builders.kubeconfigs import kubeconfig

BASE = """
mesh: {id: dev}
clusters:
  east: {context: east}
  west: {context: west}
"""

KUBECONFIGS = {
    "~/.kube/config": kubeconfig({n: f"https://{n}.example.com:6443" for n in ("east", "west")}),
    "third": kubeconfig({"third": "https://third.example.com:6443"}),
    "twins": kubeconfig({"west": "https://east.example.com:6443"}),
    "tunnels": kubeconfig({"west": "https://127.0.0.1:16443", "other": "https://localhost:6443"}),
    "unspecified": kubeconfig({"west": "https://0.0.0.0:6443"}),
    "serverless": yaml.safe_dump({"contexts": [{"name": "west", "context": {"cluster": "gone"}}]}),
    "broken": "{",
    "list": "[]",
    "empty": "",
}


def _read(path: str) -> str:
    if path == "secret-place":
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    if path not in KUBECONFIGS:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return KUBECONFIGS[path]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a user wrote beside a stack file that is right, and the one message for it."""

    mistake: str
    written: str
    message: str


CASES = (
    Case(
        mistake="an unknown section",
        written="clusterz: {}",
        message=(
            "clusterz: unknown key; did you mean clusters? Expected one of: clusters, dataPlane, exposure, "
            "failover, gateway, gatewayApi, helloWorld, istio, kiali, mesh, observability, peers, reader, "
            "rollout, sees, trust, waypoints"
        ),
    ),
    Case(
        mistake="an unknown key of the mesh",
        written="mesh: {id: dev, trustdomain: cluster.local}",
        message=("mesh.trustdomain: unknown key; did you mean trustDomain? Expected one of: id, trustDomain"),
    ),
    Case(
        mistake="an unknown key of a cluster",
        written="clusters: {west: {netwrk: net-1}}",
        message=(
            "clusters.west.netwrk: unknown key; did you mean network? Expected one of: apiServer, context, "
            "controlPlane, controlPlaneAddress, dataPlane, exposure, gateway, helloWorld, istio, kubeconfig, "
            "kubeconfigContents, labels, network, observability, offline, reader, sees, skipUnreachable, "
            "stubs, trust"
        ),
    ),
    Case(
        mistake="an unknown key deep in a section",
        written="trust: {intermediate: {validityHour: 24}}",
        message=(
            "trust.intermediate.validityHour: unknown key; did you mean validityHours? Expected one "
            "of: certificate, chain, existing, generation, key, privateKey, renewBeforeHours, "
            "validityHours"
        ),
    ),
    Case(
        mistake="an unknown key far from any other",
        written="istio: {zzz: 1}",
        message="istio.zzz: unknown key; expected one of: chartRepository, next, revision, values, version",
    ),
    Case(
        mistake="a mesh without an ID",
        written="mesh: {id: null}",
        message="mesh.id: expected a text, for example dev",
    ),
    Case(
        mistake="a mesh ID that is no label",
        written="mesh: {id: Dev_1}",
        message=(
            "mesh.id: 'Dev_1' is invalid: expected a DNS label: lower-case letters, digits and -, "
            "at most 63, for example net-east"
        ),
    ),
    Case(
        mistake="a trust domain that is no name",
        written="mesh: {trustDomain: 'cluster local'}",
        message=(
            "mesh.trustDomain: 'cluster local' is invalid: expected a DNS name: labels with dots "
            "between them, for example cluster.local"
        ),
    ),
    Case(
        mistake="a section that is no map",
        written="mesh: dev",
        message="mesh: 'dev' is invalid: expected a map, for example {id: dev}",
    ),
    Case(
        mistake="a Kiali in a cluster that is not there",
        written="kiali: {cluster: north}",
        message=(
            "kiali.cluster: 'north' is no cluster of this stack; expected the one in which Kiali runs: "
            "east, west"
        ),
    ),
    Case(
        mistake="a label that is a list",
        written="observability: {labels: {release: [prometheus]}}",
        message="observability.labels.release: expected a text, for example {release: kube-prometheus-stack}",
    ),
    Case(
        mistake="clusters as a list",
        written="clusters: [east, west]",
        message="clusters: expected a map with at least one cluster, for example {east: {context: east}}",
    ),
    Case(
        mistake="no clusters",
        written="clusters: null",
        message="clusters: expected a map with at least one cluster, for example {east: {context: east}}",
    ),
    Case(
        mistake="a cluster that is no map",
        written="clusters: {west: west}",
        message="clusters.west: expected a map, for example {context: west}",
    ),
    Case(
        mistake="a cluster's name with capitals",
        written="clusters: {North: {context: third, kubeconfig: third}}",
        message=(
            "clusters.North: the name 'North' is invalid: expected a DNS label: lower-case letters,"
            " digits and -, at most 63, for example net-east"
        ),
    ),
    Case(
        mistake="a cluster's name with an underscore",
        written="clusters: {us_west: {context: third, kubeconfig: third}}",
        message=(
            "clusters.us_west: the name 'us_west' is invalid: expected a DNS label: lower-case "
            "letters, digits and -, at most 63, for example net-east"
        ),
    ),
    Case(
        mistake="a cluster without a context",
        written="clusters: {west: {context: null}}",
        message="clusters.west.context: expected a text, for example east",
    ),
    Case(
        mistake="an empty context",
        written="clusters: {west: {context: ''}}",
        message=("clusters.west.context: '' is invalid: expected a text that is not empty, for example east"),
    ),
    Case(
        mistake="a context that the kubeconfig lacks",
        written="clusters: {west: {context: wset}}",
        message=(
            "clusters.west.kubeconfig: the kubeconfig has no context 'wset'; expected one of: east, west. If "
            "the cluster is away or gone: docs/offline.md"
        ),
    ),
    Case(
        mistake="a kubeconfig that is not there",
        written="clusters: {west: {kubeconfig: /nowhere/config}}",
        message=(
            "clusters.west.kubeconfig: cannot read /nowhere/config: No such file or directory; "
            "expected a kubeconfig's path, for example ~/.kube/config"
        ),
    ),
    Case(
        mistake="a kubeconfig that may not be read",
        written="clusters: {west: {kubeconfig: secret-place}}",
        message=(
            "clusters.west.kubeconfig: cannot read secret-place: Permission denied; expected a "
            "kubeconfig's path, for example ~/.kube/config"
        ),
    ),
    Case(
        mistake="a kubeconfig that is no YAML",
        written="clusters: {west: {kubeconfig: broken}}",
        message="clusters.west.kubeconfig: the kubeconfig is not valid YAML",
    ),
    Case(
        mistake="a kubeconfig that is a list",
        written="clusters: {west: {kubeconfig: list}}",
        message=(
            "clusters.west.kubeconfig: expected a kubeconfig: a map with the keys clusters, contexts "
            "and users"
        ),
    ),
    Case(
        mistake="an empty kubeconfig",
        written="clusters: {west: {kubeconfig: empty}}",
        message=(
            "clusters.west.kubeconfig: expected a kubeconfig: a map with the keys clusters, contexts "
            "and users"
        ),
    ),
    Case(
        mistake="a context whose cluster has no server",
        written="clusters: {west: {kubeconfig: serverless}}",
        message=(
            "clusters.west.kubeconfig: context 'west' has the cluster 'gone', which has no server in "
            "the kubeconfig; expected one, for example https://203.0.113.10:6443"
        ),
    ),
    Case(
        mistake="an API server that is this machine",
        written="clusters: {west: {kubeconfig: tunnels}}",
        message=(
            "clusters.west.apiServer.server: the kubeconfig's https://127.0.0.1:16443 leads each peer"
            " to itself, not to this cluster; expected an address that peers can reach, for example "
            "https://203.0.113.10:6443 (docs/troubleshooting.md#peers-cannot-use-an-address)"
        ),
    ),
    Case(
        mistake="an API server by the name localhost",
        written="clusters: {west: {kubeconfig: tunnels, context: other}}",
        message=(
            "clusters.west.apiServer.server: the kubeconfig's https://localhost:6443 leads each peer "
            "to itself, not to this cluster; expected an address that peers can reach, for example "
            "https://203.0.113.10:6443 (docs/troubleshooting.md#peers-cannot-use-an-address)"
        ),
    ),
    Case(
        mistake="an API server at no address",
        written="clusters: {west: {kubeconfig: unspecified}}",
        message=(
            "clusters.west.apiServer.server: the kubeconfig's https://0.0.0.0:6443 leads each peer to"
            " itself, not to this cluster; expected an address that peers can reach, for example "
            "https://203.0.113.10:6443 (docs/troubleshooting.md#peers-cannot-use-an-address)"
        ),
    ),
    Case(
        mistake="an address for peers that is this machine",
        written="clusters: {west: {apiServer: {server: 'https://[::1]:6443'}}}",
        message=(
            "clusters.west.apiServer.server: https://[::1]:6443 leads each peer to itself, not to "
            "this cluster; expected an address that peers can reach, for example "
            "https://203.0.113.10:6443 (docs/troubleshooting.md#peers-cannot-use-an-address)"
        ),
    ),
    Case(
        mistake="two clusters with one API server",
        written="clusters: {west: {kubeconfig: twins}}",
        message=(
            "clusters.west.apiServer.server: https://east.example.com:6443 is the API server of east "
            "too; expected another cluster, or an address of its own for peers, for example "
            "https://203.0.113.10:6443"
        ),
    ),
    Case(
        mistake="two clusters with one context",
        written="clusters: {west: {context: east}}",
        message=(
            "clusters.west.context: 'east' in this kubeconfig is the cluster east already; expected "
            "another context, for example west"
        ),
    ),
    Case(
        mistake="a network without a way in",
        written="clusters: {west: {gateway: {enabled: false}}}",
        message=(
            "clusters.west.gateway.enabled: west has no gateway, and east calls it from another network; "
            "expected a gateway in a cluster of the network 'net-west' (docs/networks-and-roles.md)"
        ),
    ),
    Case(
        mistake="a way in that leads elsewhere",
        written="clusters: {west: {gateway: {enabled: false}}, way: {context: third, kubeconfig: third, "
        "network: net-west, sees: [east]}}",
        message=(
            "clusters.west.gateway.enabled: west has no gateway, and east calls it from another network by "
            "that of way, which does not see west; expected a gateway in west, or west in "
            "clusters.way.sees (docs/networks-and-roles.md)"
        ),
    ),
    Case(
        mistake="a primary that is not there",
        written="clusters: {west: {controlPlane: south}}",
        message=(
            "clusters.west.controlPlane: there is no cluster 'south'; expected a cluster of this "
            "stack with a "
            "control plane of its own: east (docs/networks-and-roles.md#primary-and-remote)"
        ),
    ),
    Case(
        mistake="a cluster that is its own primary",
        written="clusters: {west: {controlPlane: west}}",
        message=(
            "clusters.west.controlPlane: a cluster's own control plane is its default; leave it out, "
            "or expected "
            "a cluster of this stack with a control plane of its own: east"
        ),
    ),
    Case(
        mistake="a remote as a primary",
        written="clusters: {west: {controlPlane: east}, far: {context: third, kubeconfig: third, "
        "controlPlane: west}}",
        message=(
            "clusters.far.controlPlane: west has no control plane of its own, but that of east; expected a "
            "cluster of this stack with a control plane of its own: east "
            "(docs/networks-and-roles.md#primary-and-remote)"
        ),
    ),
    Case(
        mistake="an address of a control plane without one",
        written="clusters: {west: {controlPlaneAddress: 198.51.100.7}}",
        message=(
            "clusters.west.controlPlaneAddress: is for a cluster that another one's control plane serves; "
            "expected controlPlane, too (docs/networks-and-roles.md#primary-and-remote)"
        ),
    ),
    Case(
        mistake="a control plane by a host name",
        written="clusters: {west: {controlPlane: east, controlPlaneAddress: istiod.example.com}}",
        message=(
            "clusters.west.controlPlaneAddress: 'istiod.example.com' is a host name, and the API "
            "server could "
            "not have pods injected by it; expected an IP address, for example 198.51.100.7 "
            "(docs/networks-and-roles.md#primary-and-remote)"
        ),
    ),
    Case(
        mistake="a primary whose gateway has a host name",
        written="clusters: {west: {controlPlane: east}, east: {gateway: {addresses: [{address: "
        "east.example.com}]}}}",
        message=(
            "clusters.west.controlPlaneAddress: west reaches the control plane of east by its gateway, whose "
            "first address is a host name, by which the API server could not have pods injected; expected an "
            "IP address, there or here (docs/networks-and-roles.md#primary-and-remote)"
        ),
    ),
    Case(
        mistake="a primary without a gateway",
        written="clusters: {west: {network: net-east, controlPlane: east}, east: {gateway: {enabled: "
        "false}}}",
        message=(
            "clusters.west.controlPlaneAddress: west reaches the control plane of east by its "
            "gateway, which is "
            "turned off; expected that, or an address here that leads to it on the ports 15012 and 15017 "
            "(docs/networks-and-roles.md#primary-and-remote)"
        ),
    ),
    Case(
        mistake="a primary whose gateway has no such ports",
        written="clusters: {west: {controlPlane: east}, east: {gateway: {service: {type: NodePort}}}}",
        message=(
            "clusters.west.controlPlaneAddress: west reaches the control plane of east by its gateway, whose "
            "Service of the type NodePort has no address with those ports; expected a LoadBalancer, "
            "gateway.addresses there, or an address here (docs/networks-and-roles.md#primary-and-remote)"
        ),
    ),
    Case(
        mistake="an intermediate of a remote",
        written="clusters: {west: {controlPlane: east, trust: {intermediate: {generation: 2}}}}",
        message=(
            "clusters.west.trust.intermediate: is that of east, whose control plane serves west; "
            "expected it in "
            "clusters.east (docs/networks-and-roles.md#primary-and-remote)"
        ),
    ),
    Case(
        mistake="another version than that of the primary",
        written="clusters: {west: {controlPlane: east, istio: {version: 1.30.4}}}",
        message=(
            "clusters.west.istio.version: west has 1.30.4, and east, whose control plane serves it, 1.31.0; "
            "expected the same for both"
        ),
    ),
    Case(
        mistake="a remote before its primary",
        written="clusters: {west: {controlPlane: east}}\nrollout: {waves: [[west], [east]]}",
        message=(
            "rollout.waves.0: west is in it, and east, whose control plane serves it, in a later "
            "one; expected "
            "west with east, or after it"
        ),
    ),
    Case(
        mistake="a network that is no label",
        written="clusters: {west: {network: net.west}}",
        message=(
            "clusters.west.network: 'net.west' is invalid: expected a DNS label: lower-case "
            "letters, digits and -, at most 63, for example net-east"
        ),
    ),
    Case(
        mistake="an API server without TLS",
        written="clusters: {west: {apiServer: {server: 'http://203.0.113.10:6443'}}}",
        message=(
            "clusters.west.apiServer.server: 'http://203.0.113.10:6443' is invalid: expected a URL "
            "that begins with https://, for example https://203.0.113.10:6443"
        ),
    ),
    Case(
        mistake="an API server with credentials",
        written="clusters: {west: {apiServer: {server: 'https://me:hunter2@203.0.113.10:6443'}}}",
        message=(
            "clusters.west.apiServer.server: expected a URL without credentials in it, for example "
            "https://203.0.113.10:6443"
        ),
    ),
    Case(
        mistake="a proxy of an unknown kind",
        written="clusters: {west: {apiServer: {proxyUrl: 'ftp://proxy.example.com'}}}",
        message=(
            "clusters.west.apiServer.proxyUrl: 'ftp://proxy.example.com' is invalid: expected a URL"
            " that begins with http:// or https:// or socks5://, for example "
            "http://proxy.example.com:3128"
        ),
    ),
    Case(
        mistake="a TLS name that is none",
        written="clusters: {west: {apiServer: {tlsServerName: '*'}}}",
        message=(
            "clusters.west.apiServer.tlsServerName: '*' is invalid: expected a DNS name: labels "
            "with dots between them, for example cluster.local"
        ),
    ),
    Case(
        mistake="a certificate that is none",
        written="clusters: {west: {apiServer: {certificateAuthority: /etc/ca.crt}}}",
        message=(
            "clusters.west.apiServer.certificateAuthority: '/etc/ca.crt' is invalid: expected a PEM"
            " certificate, for example the text of ca.crt"
        ),
    ),
    Case(
        mistake="a private key in the place of a certificate",
        written="clusters: {west: {apiServer: {certificateAuthority: '-----BEGIN PRIVATE KEY-----'}}}",
        message=(
            "clusters.west.apiServer.certificateAuthority: '-----BEGIN PRIVATE KEY-----' is invalid: "
            "expected a certificate, but this is a private key, which must not be here"
        ),
    ),
    Case(
        mistake="a switch that is neither true nor false",
        written="clusters: {west: {skipUnreachable: maybe}}",
        message=(
            "clusters.west.skipUnreachable: 'maybe' is invalid: expected true or false, for example true"
        ),
    ),
    Case(
        mistake="a version that is too old",
        written="istio: {version: 1.26.8}",
        message="istio.version: '1.26.8' is invalid: expected Istio 1.27.0 or later, for example 1.31.0",
    ),
    Case(
        mistake="a version that is not full",
        written="istio: {version: '1.31'}",
        message="istio.version: '1.31' is invalid: expected a full version, for example 1.31.0",
    ),
    Case(
        mistake="one cluster's version that is too old",
        written="clusters: {west: {istio: {version: 1.24.0}}}",
        message=(
            "clusters.west.istio.version: '1.24.0' is invalid: expected Istio 1.27.0 or later, for "
            "example 1.31.0"
        ),
    ),
    Case(
        mistake="a revision that is no name",
        written="istio: {revision: 1.31.0}",
        message=(
            "istio.revision: '1.31.0' is invalid: expected a revision other than default: lower-case "
            "letters, digits and -, at most 56, for example 1-31-0"
        ),
    ),
    Case(
        mistake="a next control plane without a version",
        written="istio: {next: {phase: moved}}",
        message="istio.next.version: is required, for example 1.31.0",
    ),
    Case(
        mistake="a next revision that is Istio's word for none",
        written="istio: {next: {version: 1.31.0, revision: default}}",
        message=(
            "istio.next.revision: 'default' is invalid: expected a revision other than default: lower-case "
            "letters, digits and -, at most 56, for example 1-31-0"
        ),
    ),
    Case(
        mistake="a phase of an upgrade that there is not",
        written="istio: {next: {version: 1.31.0, phase: done}}",
        message="istio.next.phase: 'done' is invalid: expected one of 'beside' or 'moved', for example moved",
    ),
    Case(
        mistake="two control planes of one revision",
        written="istio: {version: 1.30.3, revision: 1-31-0, next: {version: 1.31.0}}",
        message=(
            "istio.next.revision: 1-31-0 is the revision of the running control plane; expected another, for "
            "example 1-31-0-b"
        ),
    ),
    Case(
        mistake="an upgrade over three minor versions",
        written="istio: {version: 1.28.0, next: {version: 1.31.0}}",
        message=(
            "istio.next.version: 1.31.0 and 1.28.0 are more than 2 minor versions apart, which Istio "
            "neither tests nor recommends; expected a version between them first"
        ),
    ),
    Case(
        mistake="an upgrade away from a cluster that is far behind",
        written=(
            "{istio: {version: 1.30.3, next: {version: 1.31.0}}, clusters: {west: {istio: {version: 1.28.5, "
            "next: null}}}}"
        ),
        message=(
            "istio.next.version: 1.31.0 is more than 2 minor versions from 1.28.5 in west; expected west to "
            "move first"
        ),
    ),
    Case(
        mistake="a second control plane beside one that serves a remote",
        written="{istio: {next: {version: 1.31.1}}, clusters: {west: {controlPlane: east}}}",
        message=(
            "istio.next: the control plane of east also serves west, and such clusters are upgraded in "
            "place; "
            "leave it out, and set istio.version (docs/runbooks/upgrade-by-revision.md)"
        ),
    ),
    Case(
        mistake="a revision of a control plane that serves a remote",
        written="{istio: {revision: stable}, clusters: {west: {controlPlane: east}}}",
        message=(
            "istio.revision: the control plane of east also serves west, and such clusters are upgraded in "
            "place; leave it out, and set istio.version (docs/runbooks/upgrade-by-revision.md)"
        ),
    ),
    Case(
        mistake="a next control plane that cannot do without the chart's role",
        written=(
            "{reader: {role: minimal}, istio: {version: 1.31.1}, clusters: {west: {istio: {next: "
            "{version: 1.30.4}}}}}"
        ),
        message=(
            "reader.role: 'minimal' needs Istio 1.31.1 or later in every cluster, and west has 1.30.4: up to "
            "1.30, istiod always reads Secrets of other clusters, and 1.31.0 crashes when this is off; "
            "expected chart"
        ),
    ),
    Case(
        mistake="an ambient upgrade by revision from a version that empties gateways",
        written="{dataPlane: ambient, istio: {version: 1.30.1, next: {version: 1.31.0}}}",
        message=(
            "istio.next: istiod 1.30.1 would remove the listeners of ambient gateways and waypoints that "
            "move to another revision, before their pods are replaced; expected 1.30.2 or later, or an "
            "upgrade in place, by istio.version alone (https://github.com/istio/istio/issues/59959)"
        ),
    ),
    Case(
        mistake="a chart repository without a scheme",
        written="istio: {chartRepository: charts.example.com}",
        message=(
            "istio.chartRepository: 'charts.example.com' is invalid: expected a URL that begins "
            "with https:// or http:// or oci://, for example "
            "https://istio-release.storage.googleapis.com/charts"
        ),
    ),
    Case(
        mistake="values that are no map",
        written="istio: {values: {istiod: [a]}}",
        message="istio.values.istiod: expected a map, for example {pilot: {}}",
    ),
    Case(
        mistake="values for a chart that is not ours",
        written="istio: {values: {grafana: {}}}",
        message="istio.values.grafana: unknown key; expected one of: base, cni, gateway, istiod, ztunnel",
    ),
    Case(
        mistake="another mesh ID in the values",
        written="istio: {values: {istiod: {global: {meshID: prod}}}}",
        message=(
            "istio.values.istiod.global.meshID: must be 'dev' in this mesh; leave it out, or change mesh.id"
        ),
    ),
    Case(
        mistake="another cluster name in the values",
        written="clusters: {west: {istio: {values: {istiod: {global: {multiCluster: {clusterName: x}}}}}}}",
        message=(
            "clusters.west.istio.values.istiod.global.multiCluster.clusterName: must be 'west' in "
            "this mesh; leave it out, or change the cluster's name in clusters"
        ),
    ),
    Case(
        mistake="another network in the values",
        written="clusters: {west: {istio: {values: {istiod: {global: {network: x}}}}}}",
        message=(
            "clusters.west.istio.values.istiod.global.network: must be 'net-west' in this mesh; leave"
            " it out, or change the cluster's network"
        ),
    ),
    Case(
        mistake="another trust domain in the values",
        written="istio: {values: {istiod: {meshConfig: {trustDomain: x}}}}",
        message=(
            "istio.values.istiod.meshConfig.trustDomain: must be 'cluster.local' in this mesh; leave "
            "it out, or change mesh.trustDomain"
        ),
    ),
    Case(
        mistake="another gateway name in the values",
        written="istio: {values: {gateway: {name: gw}}}",
        message=(
            "istio.values.gateway.name: must be 'istio-eastwestgateway' in this mesh; leave it out, "
            "because peers find the gateway by this name"
        ),
    ),
    Case(
        mistake="addresses of one gateway for all",
        written="gateway: {addresses: [{address: 198.51.100.7}]}",
        message=(
            "gateway.addresses: are those of one cluster; expected them in "
            "clusters.<name>.gateway.addresses, for example [{address: 198.51.100.7, port: 31443}]"
        ),
    ),
    Case(
        mistake="a gateway's address that is none",
        written="clusters: {west: {gateway: {addresses: [{address: 198.51.100}]}}}",
        message=(
            "clusters.west.gateway.addresses.0.address: '198.51.100' is invalid: expected an IP address or "
            "a host name, for example 198.51.100.7"
        ),
    ),
    Case(
        mistake="an unknown key of a gateway's address",
        written="clusters: {west: {gateway: {addresses: [{address: 198.51.100.7, prot: 443}]}}}",
        message=(
            "clusters.west.gateway.addresses.0.prot: unknown key; did you mean port? Expected one of: "
            "address, port"
        ),
    ),
    Case(
        mistake="a gateway's address without an address",
        written="clusters: {west: {gateway: {addresses: [{port: 443}]}}}",
        message=("clusters.west.gateway.addresses.0.address: is required, for example 198.51.100.7"),
    ),
    Case(
        mistake="a gateway's address that leads each peer to itself",
        written="clusters: {west: {gateway: {addresses: [{address: 127.0.0.1}]}}}",
        message=(
            "clusters.west.gateway.addresses.0: 127.0.0.1 leads each peer to itself, not to this cluster; "
            "expected one that peers can reach, as 198.51.100.7"
        ),
    ),
    Case(
        mistake="a Service inside the cluster as a gateway's address",
        written="clusters: {west: {gateway: {addresses: [{address: gw.istio-system.svc}]}}}",
        message=(
            "clusters.west.gateway.addresses.0: gw.istio-system.svc is a Service inside one cluster; "
            "expected an address that peers can reach, as 198.51.100.7"
        ),
    ),
    Case(
        mistake="one address and port for two gateways",
        written=(
            "clusters: {east: {gateway: {addresses: [{address: 198.51.100.7}]}}, west: {gateway: "
            "{addresses: [{address: 198.51.100.7, port: 443}, {address: 198.51.100.7}]}}}"
        ),
        message=(
            "clusters.west.gateway.addresses.1: 198.51.100.7 is an address of east too; expected each "
            "address and port to lead to one cluster"
        ),
    ),
    Case(
        mistake="an address of a gateway twice",
        written=(
            "clusters: {west: {gateway: {addresses: [{address: gw.example.com, port: 443}, {address: "
            "gw.example.com, port: 443}]}}}"
        ),
        message=(
            "clusters.west.gateway.addresses.1: gw.example.com:443 is there twice; expected each address once"
        ),
    ),
    Case(
        mistake="a gateway that no peer can find",
        written="clusters: {west: {gateway: {service: {type: ClusterIP}}}}",
        message=(
            "clusters.west.gateway.service.type: is ClusterIP, which gives peers no address; expected "
            "clusters.west.gateway.addresses with those of what is in front of it, for example [{address: "
            "198.51.100.7, port: 31443}]"
        ),
    ),
    Case(
        mistake="a type of Service that is none",
        written="gateway: {service: {type: ExternalName}}",
        message=(
            "gateway.service.type: 'ExternalName' is invalid: expected one of 'LoadBalancer', 'NodePort' "
            "or 'ClusterIP', for example NodePort"
        ),
    ),
    Case(
        mistake="a load balancer's preset without one",
        written="gateway: {service: {type: NodePort, preset: aws-internal}}",
        message=(
            "gateway.service.preset: is for a load balancer, and service.type is NodePort; leave one of "
            "them out"
        ),
    ),
    Case(
        mistake="a load balancer's sources without one",
        written=(
            "clusters: {west: {gateway: {service: {type: ClusterIP, sourceRanges: [10.0.0.0/8]}, "
            "addresses: [{address: 198.51.100.7}]}}}"
        ),
        message=(
            "clusters.west.gateway.service.sourceRanges: is for a load balancer, and service.type is "
            "ClusterIP; leave one of them out"
        ),
    ),
    Case(
        mistake="a range of addresses with bits after its prefix",
        written="gateway: {service: {sourceRanges: [10.0.0.1/8]}}",
        message=(
            "gateway.service.sourceRanges.0: '10.0.0.1/8' is invalid: expected a range of addresses "
            "without bits after its prefix, for example 198.51.100.0/24"
        ),
    ),
    Case(
        mistake="a node port without node ports",
        written="gateway: {service: {nodePort: 31443}}",
        message=(
            "gateway.service.nodePort: needs service.type NodePort, and it is LoadBalancer; leave one of "
            "them out"
        ),
    ),
    Case(
        mistake="a node port that no API server gives",
        written="gateway: {service: {type: NodePort, nodePort: 15443}}",
        message=(
            "gateway.service.nodePort: 15443 is invalid: expected a number of at least 30000, for example "
            "31443"
        ),
    ),
    Case(
        mistake="a node port above those that API servers give",
        written="gateway: {service: {type: NodePort, nodePort: 32768}}",
        message=(
            "gateway.service.nodePort: 32768 is invalid: expected a number of at most 32767, for example "
            "31443"
        ),
    ),
    Case(
        mistake="a choice of nodes without node ports",
        written="gateway: {service: {nodeSelector: {role: edge}}}",
        message=(
            "gateway.service.nodeSelector: needs service.type NodePort, and it is LoadBalancer; leave one "
            "of them out"
        ),
    ),
    Case(
        mistake="a choice of nodes beside addresses",
        written=(
            "clusters: {west: {gateway: {service: {type: NodePort, nodeSelector: {role: edge}}, addresses: "
            "[{address: 198.51.100.7}]}}}"
        ),
        message=(
            "clusters.west.gateway.service.nodeSelector: selects the nodes whose addresses peers use, and "
            "they use gateway.addresses; leave one of them out"
        ),
    ),
    Case(
        mistake="a gateway's port that it has already",
        written="gateway: {port: 15012}",
        message=(
            "gateway.port: 15012 is the gateway's tls-istiod; expected a port other than 15012, 15017, "
            "15021, for example 443"
        ),
    ),
    Case(
        mistake="one IP family twice",
        written="gateway: {service: {ipFamilies: [IPv4, IPv4], ipFamilyPolicy: PreferDualStack}}",
        message=(
            "gateway.service.ipFamilies: names a family twice; expected each once, for example [IPv6, IPv4]"
        ),
    ),
    Case(
        mistake="two IP families for a Service with one",
        written="gateway: {service: {ipFamilies: [IPv4, IPv6], ipFamilyPolicy: SingleStack}}",
        message=(
            "gateway.service.ipFamilyPolicy: must be PreferDualStack or RequireDualStack with two "
            "ipFamilies, or leave one of them out"
        ),
    ),
    Case(
        mistake="two IP families without a policy",
        written="gateway: {service: {ipFamilies: [IPv4, IPv6]}}",
        message=(
            "gateway.service.ipFamilyPolicy: must be PreferDualStack or RequireDualStack with two "
            "ipFamilies, or leave one of them out"
        ),
    ),
    Case(
        mistake="more pods than the autoscaler may make",
        written="{gateway: {replicas: 4}, istio: {values: {gateway: {autoscaling: {maxReplicas: 3}}}}}",
        message=(
            "gateway.replicas: 4 is more than istio.values.gateway.autoscaling.maxReplicas, 3; expected at "
            "most that"
        ),
    ),
    Case(
        mistake="no pods of a gateway",
        written="gateway: {replicas: 0}",
        message=("gateway.replicas: 0 is invalid: expected a number of at least 1, for example 2"),
    ),
    Case(
        mistake="two types of the gateway's Service",
        written=(
            "{gateway: {service: {type: NodePort}}, istio: {values: {gateway: {service: {type: "
            "LoadBalancer}}}}}"
        ),
        message=(
            "istio.values.gateway.service.type: must be 'NodePort' in this mesh; leave it out, or change "
            "gateway.service.type"
        ),
    ),
    Case(
        mistake="an annotation of the gateway's Service twice",
        written=(
            "{gateway: {service: {annotations: {a.b/c: d}}}, istio: {values: {gateway: {service: "
            "{annotations: {a.b/c: e}}}}}}"
        ),
        message=(
            "istio.values.gateway.service.annotations.a.b/c: must be 'd' in this mesh; leave it out, or "
            "change gateway.service"
        ),
    ),
    Case(
        mistake="another number of pods in the values",
        written="{gateway: {replicas: 2}, istio: {values: {gateway: {autoscaling: {minReplicas: 3}}}}}",
        message=(
            "istio.values.gateway.autoscaling.minReplicas: must be 2 in this mesh; leave it out, or change "
            "gateway.replicas"
        ),
    ),
    Case(
        mistake="another gateway of a network in the values",
        written=(
            "clusters: {east: {istio: {values: {istiod: {global: {meshNetworks: {net-west: {gateways: "
            "[{address: 198.51.100.8, port: 15443}]}}}}}}}, west: {gateway: {addresses: [{address: "
            "198.51.100.7}]}}}"
        ),
        message=(
            "clusters.east.istio.values.istiod.global.meshNetworks.net-west.gateways: differs from "
            "gateway.addresses of the clusters in this network; leave one out"
        ),
    ),
    Case(
        mistake="values below the charts' own root",
        written="istio: {values: {istiod: {_internal_defaults_do_not_set: {}}}}",
        message=(
            "istio.values.istiod._internal_defaults_do_not_set: is reserved for the chart itself; set"
            " the keys below it at the top level instead"
        ),
    ),
    Case(
        mistake="a key algorithm that Istio does not take",
        written="trust: {root: {key: ed25519}}",
        message=(
            "trust.root.key: 'ed25519' is invalid: expected one of 'rsa-2048', 'rsa-3072', "
            "'rsa-4096', 'ecdsa-p256' or 'ecdsa-p384', for example rsa-4096"
        ),
    ),
    Case(
        mistake="a validity of no hours",
        written="trust: {root: {validityHours: 0}}",
        message=(
            "trust.root.validityHours: 0 is invalid: expected a number of at least 1, for example 87600"
        ),
    ),
    Case(
        mistake="a validity that is no number",
        written="trust: {intermediate: {validityHours: 2y}}",
        message=(
            "trust.intermediate.validityHours: '2y' is invalid: expected a whole number, for example 17520"
        ),
    ),
    Case(
        mistake="an intermediate that outlives the root",
        written="trust: {root: {validityHours: 10000}}",
        message=(
            "trust.intermediate.validityHours: 17520 is longer than the root's 10000; expected at "
            "most that, for example 2000"
        ),
    ),
    Case(
        mistake="one cluster's intermediate that outlives the root",
        written="clusters: {west: {trust: {intermediate: {validityHours: 100000}}}}",
        message=(
            "clusters.west.trust.intermediate.validityHours: 100000 is longer than the root's 87600; "
            "expected at most that, for example 17520"
        ),
    ),
    Case(
        mistake="a renewal that begins before the certificate",
        written="trust: {intermediate: {validityHours: 4000}}",
        message=(
            "trust.intermediate.renewBeforeHours: 4320 is not shorter than validityHours (4000); "
            "expected less, for example 1000"
        ),
    ),
    Case(
        mistake="a generation of zero",
        written="trust: {intermediate: {generation: 0}}",
        message=(
            "trust.intermediate.generation: 0 is invalid: expected a number of at least 1, for example 2"
        ),
    ),
    Case(
        mistake="a revoked cluster in place of a serial number",
        written="trust: {revoked: [east]}",
        message=(
            "trust.revoked.0: 'east' is invalid: expected a serial number as `python -m mesh trust` shows "
            'it: hexadecimal, in quotes, for example "5f0c2a9be1d47703"'
        ),
    ),
    Case(
        mistake="a certificate in place of CRLs",
        written="trust: {revoked: [], revocationLists: '-----BEGIN CERTIFICATE-----'}",
        message=(
            "trust.revocationLists: '-----BEGIN CERTIFICATE-----' is invalid: expected PEM CRLs, for example "
            "what `openssl ca -gencrl` writes"
        ),
    ),
    Case(
        mistake="a phase without a root to rotate to",
        written="trust: {phase: trust-both}",
        message=(
            "trust.phase: 'trust-both' needs a root to rotate to; expected trust.nextRoot too, for "
            "example {generation: 2}"
        ),
    ),
    Case(
        mistake="no hosts",
        written="exposure: {hosts: []}",
        message='exposure.hosts: expected at least one entry, for example ["*.local"]',
    ),
    Case(
        mistake="a host that is none",
        written="exposure: {hosts: ['*local']}",
        message=(
            "exposure.hosts.0: '*local' is invalid: expected a host with dots in it, or a wildcard, for "
            "example *.local"
        ),
    ),
    Case(
        mistake="a host without a domain",
        written="exposure: {hosts: [foo]}",
        message=(
            "exposure.hosts.0: 'foo' is invalid: expected a host with dots in it, or a wildcard, for example "
            "*.local"
        ),
    ),
    Case(
        mistake="hosts that are no list",
        written="exposure: {hosts: '*.local'}",
        message="exposure.hosts: '*.local' is invalid: expected a list, for example [\"*.local\"]",
    ),
    Case(
        mistake="no token",
        written="reader: {tokenGenerations: []}",
        message="reader.tokenGenerations: expected at least one entry, for example [1]",
    ),
    Case(
        mistake="a token twice",
        written="reader: {tokenGenerations: [1, 1]}",
        message=(
            "reader.tokenGenerations: [1, 1] has a generation twice; expected each once, for example [1, 2]"
        ),
    ),
    Case(
        mistake="a token generation that is no number",
        written="reader: {tokenGenerations: [one]}",
        message="reader.tokenGenerations.0: 'one' is invalid: expected a whole number, for example [1]",
    ),
    Case(
        mistake="an image without a tag",
        written="helloWorld: {image: istio/examples-helloworld-v1}",
        message=(
            "helloWorld.image: 'istio/examples-helloworld-v1' is invalid: expected an image with a "
            "tag or digest, for example istio/examples-helloworld-v1:1.0"
        ),
    ),
    Case(
        mistake="a sample that is neither on nor off",
        written="helloWorld: {enabled: perhaps}",
        message="helloWorld.enabled: 'perhaps' is invalid: expected true or false, for example true",
    ),
    Case(
        mistake="a peer's stack without its project",
        written="peers: {north: {stack: north}}",
        message=(
            "peers.north.stack: 'north' is invalid: expected a stack's full name, "
            "<organization>/<project>/<stack>, for example organization/istio-mesh/west"
        ),
    ),
    Case(
        mistake="a cluster that is here and in another stack",
        written="peers: {west: {stack: organization/istio-mesh/west}}",
        message=(
            "peers.west: west is in clusters too; expected it in peers if another stack manages it, "
            "and in clusters if this one does"
        ),
    ),
    Case(
        mistake="a kubeconfig for peers from two places",
        written="clusters: {west: {reader: {kubeconfig: {file: a, environment: B}}}}",
        message=(
            "clusters.west.reader.kubeconfig: expected one of contents, file, environment, stack, secret, "
            "for example {file: ~/.kube/relay-west}"
        ),
    ),
    Case(
        mistake="a kubeconfig for peers that a stack has, without the output",
        written="clusters: {west: {reader: {kubeconfig: {stack: o/p/s}}}}",
        message="clusters.west.reader.kubeconfig: has stack without output; expected both",
    ),
    Case(
        mistake="an output of no stack",
        written="clusters: {west: {reader: {kubeconfig: {file: a, output: k}}}}",
        message="clusters.west.reader.kubeconfig: has output without stack; expected both",
    ),
    Case(
        mistake="a key of no Secret",
        written="clusters: {west: {reader: {kubeconfig: {file: a, key: k}}}}",
        message="clusters.west.reader.kubeconfig: has key without secret; expected both",
    ),
    Case(
        mistake="a context of a kubeconfig that a stack has",
        written="clusters: {west: {reader: {kubeconfig: {stack: o/p/s, output: k, context: west}}}}",
        message=(
            "clusters.west.reader.kubeconfig: has context with stack or secret; expected contents, file or "
            "environment with it"
        ),
    ),
    Case(
        mistake="a context that a kubeconfig for peers lacks",
        written="clusters: {west: {reader: {kubeconfig: {file: third, context: west}}}}",
        message=(
            "clusters.west.reader.kubeconfig: the kubeconfig has no context 'west'; expected one of: third. "
            "If "
            "the cluster is away or gone: docs/offline.md"
        ),
    ),
    Case(
        mistake="a kubeconfig for peers in a file that is not there",
        written="clusters: {west: {reader: {kubeconfig: {file: gone}}}}",
        message=(
            "clusters.west.reader.kubeconfig: cannot read gone: No such file or directory; expected a file "
            "with the kubeconfig for peers"
        ),
    ),
    Case(
        mistake="a kubeconfig for the peers of all clusters",
        written="reader: {kubeconfig: {file: third}}",
        message=(
            "reader.kubeconfig: is that of one cluster; expected it in clusters.<name>.reader.kubeconfig"
        ),
    ),
    Case(
        mistake="a way in for a cluster that is not there",
        written="clusters: {west: {apiServer: {from: {nrth: {server: 'https://10.0.0.1:6443'}}}}}",
        message=(
            "clusters.west.apiServer.from.nrth: 'nrth' is no other cluster of the mesh; expected one of "
            "those that read west: east"
        ),
    ),
    Case(
        mistake="roots that are made here and elsewhere",
        written="trust: {shared: true, stack: organization/istio-mesh/trust}",
        message=(
            "trust.shared: this stack reads the roots from organization/istio-mesh/trust "
            "(trust.stack), so it has none to share; expected trust.shared or trust.stack, not both"
        ),
    ),
    Case(
        mistake="a key for a root that is made elsewhere",
        written="trust: {stack: organization/istio-mesh/trust, root: {key: ecdsa-p256}}",
        message=(
            "trust.root.key: is set in organization/istio-mesh/trust, which makes the roots; expected"
            " it there only"
        ),
    ),
    Case(
        mistake="a cluster to see that is not there",
        written="clusters: {west: {sees: [easst]}}",
        message=(
            "clusters.west.sees.0: there is no cluster 'easst'; expected names in clusters and peers, or a "
            "label as region=eu: east, west"
        ),
    ),
    Case(
        mistake="a label to see that no cluster has",
        written="{sees: [region=eu], clusters: {west: {labels: {region: us}}}}",
        message=(
            "sees.0: no cluster of this stack has the label region=eu; expected one of "
            "clusters.<name>.labels: region=us. Clusters of other stacks are selected by name"
        ),
    ),
    Case(
        mistake="a label to see that only the cluster itself has",
        written="clusters: {west: {labels: {region: us}, sees: [region=us]}}",
        message=(
            "clusters.west.sees.0: no other cluster of this stack has the label region=us; expected one of "
            "clusters.<name>.labels: region=us. Clusters of other stacks are selected by name"
        ),
    ),
    Case(
        mistake="a cluster that selects itself",
        written="clusters: {west: {sees: [west]}}",
        message="clusters.west.sees.0: a cluster sees itself in any case; expected other clusters",
    ),
    Case(
        mistake="a cluster to see twice",
        written="clusters: {west: {sees: [east, east]}}",
        message="clusters.west.sees.1: east is there twice; expected each once",
    ),
    Case(
        mistake="what is neither a cluster's name nor a label",
        written="clusters: {west: {sees: [East]}}",
        message=(
            "clusters.west.sees.0: 'East' is invalid: expected a cluster's name, or a label as region=eu"
        ),
    ),
    Case(
        mistake="a view of a cluster that has none",
        written="clusters: {west: {controlPlane: east, sees: []}}",
        message=(
            "clusters.west.sees: west has no control plane of its own, and sees what east sees; "
            "expected it in clusters.east.sees"
        ),
    ),
    Case(
        mistake="a host that is exposed and kept inside",
        written='exposure: {hosts: [a.b.svc.cluster.local], clusterLocal: ["*.b.svc.cluster.local"]}',
        message=(
            "exposure.hosts: exposes a.b.svc.cluster.local, and exposure.clusterLocal has "
            "*.b.svc.cluster.local, by which no cluster calls it in another one; "
            "expected it in one of the two"
        ),
    ),
    Case(
        mistake="a namespace that is exposed and kept inside",
        written='exposure: {namespaces: [b], clusterLocal: ["*.b.svc.cluster.local"]}',
        message=(
            "exposure.namespaces: exposes *.b.svc.cluster.local, and exposure.clusterLocal has "
            "*.b.svc.cluster.local, by which no cluster calls it in another one; "
            "expected it in one of the two"
        ),
    ),
    Case(
        mistake="a setting of Istio's that lets out what is kept inside",
        written="""
            exposure: {clusterLocal: [a.b.svc.cluster.local]}
            istio: {values: {istiod: {meshConfig: {serviceSettings: [{hosts: [a.b.svc.cluster.local]}]}}}}
            """,
        message=(
            "istio.values.istiod.meshConfig.serviceSettings[0]: says that calls to "
            "a.b.svc.cluster.local leave the cluster, and exposure.clusterLocal keeps them inside; "
            "expected one of the two"
        ),
    ),
    Case(
        mistake="a label of Services that Kubernetes would not take",
        written="exposure: {labels: {a b: c}}",
        message=(
            "exposure.labels.a b: 'a b' is invalid: expected a label's key, for example "
            "mesh.example.com/exposed"
        ),
    ),
    Case(
        mistake="two ambient clusters on one network",
        written="dataPlane: ambient\nclusters: {west: {network: net-east}}",
        message=(
            "clusters.west.network: 'net-east' is the network of east too, and ambient clusters have "
            "one each; expected another, for example net-west (docs/ambient.md#limits)"
        ),
    ),
    Case(
        mistake="an ambient cluster on the network of another",
        written="clusters: {west: {network: net-east, dataPlane: both}}",
        message=(
            "clusters.west.network: 'net-east' is the network of east too, and ambient clusters have "
            "one each; expected another, for example net-west (docs/ambient.md#limits)"
        ),
    ),
    Case(
        mistake="an ambient cluster without a control plane",
        written="clusters: {west: {controlPlane: east, dataPlane: ambient}}",
        message=(
            "clusters.west.dataPlane: west has no control plane of its own, and ztunnel needs one; "
            "expected sidecar for it, or no controlPlane (docs/ambient.md#limits)"
        ),
    ),
    Case(
        mistake="an ambient cluster whose control plane serves another",
        written="clusters: {west: {controlPlane: east}, east: {dataPlane: both}}",
        message=(
            "clusters.east.dataPlane: the control plane of east serves west, and an ambient one "
            "serves its own cluster alone; expected sidecar, or no controlPlane there "
            "(docs/ambient.md#limits)"
        ),
    ),
    Case(
        mistake="a single service that an ambient cluster exposes",
        written="dataPlane: ambient\nexposure: {hosts: [cart.shop.svc.cluster.local]}",
        message=(
            "exposure.hosts: cart.shop.svc.cluster.local: ambient clusters select whole namespaces; "
            "expected *.shop.svc.cluster.local, or the label istio.io/global on the Service, `true` "
            "to expose it and `false` to keep it inside (docs/ambient.md#exposure)"
        ),
    ),
    Case(
        mistake="a single service that an ambient cluster keeps inside",
        written="dataPlane: both\nexposure: {clusterLocal: [cart.shop.svc.cluster.local]}",
        message=(
            "exposure.clusterLocal: cart.shop.svc.cluster.local: ambient clusters select whole "
            "namespaces; expected *.shop.svc.cluster.local, or the label istio.io/global on the "
            "Service, `true` to expose it and `false` to keep it inside (docs/ambient.md#exposure)"
        ),
    ),
    Case(
        mistake="a host that no ambient cluster has",
        written="dataPlane: ambient\nexposure: {hosts: ['*.example.com']}",
        message=(
            "exposure.hosts: *.example.com: no service is there; expected for example "
            "*.shop.svc.cluster.local (docs/ambient.md#exposure)"
        ),
    ),
    Case(
        mistake="entries that make global what is kept inside",
        written=(
            "dataPlane: both\nexposure: {clusterLocal: ['*.a.svc.cluster.local']}\nistio: {values: "
            "{istiod: {meshConfig: {serviceScopeConfigs: [{scope: GLOBAL}]}}}}"
        ),
        message=(
            "istio.values.istiod.meshConfig.serviceScopeConfigs[0]: makes services global whatever "
            "exposure.clusterLocal keeps inside; expected one of the two (docs/ambient.md#exposure)"
        ),
    ),
    Case(
        mistake="another port for gateways without sidecars",
        written="dataPlane: ambient\ngateway: {port: 443}",
        message=(
            "gateway.port: is that of a gateway for sidecars, and the mesh has none; ambient "
            "clusters call 15008, or the port of an address in gateway.addresses; leave it out "
            "(docs/ambient.md#limits)"
        ),
    ),
    Case(
        mistake="a NetworkPolicy for gateways without sidecars",
        written="dataPlane: ambient\ngateway: {networkPolicy: true}",
        message=(
            "gateway.networkPolicy: is for a gateway for sidecars, and the mesh has none; leave it "
            "out, and open 15008 for the pods of the ambient gateway with a NetworkPolicy of your "
            "own (docs/ambient.md#limits)"
        ),
    ),
    Case(
        mistake="one node port for two gateways",
        written=(
            "clusters: {west: {dataPlane: ambient, gateway: {addresses: [{address: 198.51.100.7, "
            "port: 31008}], service: {type: NodePort, nodePort: 31008}}}}"
        ),
        message=(
            "clusters.west.gateway.service.nodePort: 31008 would be that of two gateways, one for "
            "sidecars and one for ambient workloads; leave it out"
        ),
    ),
    Case(
        mistake="several addresses of an ambient gateway",
        written=(
            "clusters: {west: {dataPlane: ambient, gateway: {addresses: [{address: 198.51.100.7}, "
            "{address: 198.51.100.8}]}}}"
        ),
        message=(
            "clusters.west.gateway.addresses: are 2, and ambient workloads use one for each network; "
            "expected one (https://github.com/istio/istio/issues/56960)"
        ),
    ),
    Case(
        mistake="an ambient gateway by node ports",
        written="clusters: {west: {dataPlane: ambient, gateway: {service: {type: NodePort}}}}",
        message=(
            "clusters.west.gateway.service.type: is NodePort, and ambient clusters are not told the "
            "ports of nodes; expected LoadBalancer, or clusters.west.gateway.addresses, for example "
            "[{address: 198.51.100.7, port: 15008}] (docs/ambient.md#limits)"
        ),
    ),
    Case(
        mistake="two gateways by node ports",
        written="clusters: {west: {dataPlane: both, gateway: {service: {type: NodePort}}}}",
        message=(
            "clusters.west.gateway.service.type: is NodePort, and ambient clusters are not told the "
            "ports of nodes; expected LoadBalancer, or clusters.west.gateway.addresses, for example "
            "[{address: 198.51.100.7, port: 15008}] (docs/ambient.md#limits)"
        ),
    ),
    Case(
        mistake="an ambient network without a way in",
        written="dataPlane: ambient\nclusters: {west: {gateway: {enabled: false}}}",
        message=(
            "clusters.west.gateway.enabled: west has no gateway, and east calls it from another "
            "network; expected a gateway in a cluster of the network 'net-west' "
            "(docs/networks-and-roles.md)"
        ),
    ),
    Case(
        mistake="sidecars that an ambient cluster without a gateway would let wait",
        written="clusters: {west: {dataPlane: ambient, gateway: {enabled: false}}}",
        message=(
            "clusters.west.gateway.enabled: west has no gateway, and east calls it from another "
            "network; expected a gateway in a cluster of the network 'net-west' "
            "(docs/networks-and-roles.md)"
        ),
    ),
    Case(
        mistake="failover for a host with a wildcard",
        written='failover: [{hosts: ["*.shop.svc.cluster.local"], withinSeconds: 10}]',
        message=(
            "failover.0.hosts.0: '*.shop.svc.cluster.local' is invalid: expected the full host of one "
            "service, for example checkout.shop.svc.cluster.local"
        ),
    ),
    Case(
        mistake="failover in no time",
        written="failover: [{hosts: [checkout.shop.svc.cluster.local], withinSeconds: 1}]",
        message=("failover.0.withinSeconds: 1 is invalid: expected a number of at least 5, for example 10"),
    ),
    Case(
        mistake="failover at some time",
        written="failover: [{hosts: [checkout.shop.svc.cluster.local]}]",
        message="failover.0.withinSeconds: is required, for example 10",
    ),
    Case(
        mistake="an order of failover that there is not",
        written="failover: [{hosts: [checkout.shop.svc.cluster.local], withinSeconds: 9, prefer: zone}]",
        message=(
            "failover.0.prefer: 'zone' is invalid: expected one of 'network', 'region' or 'none', for "
            "example region"
        ),
    ),
    Case(
        mistake="calls that are sometimes idempotent",
        written="failover: [{hosts: [checkout.shop.svc.cluster.local], withinSeconds: 9, idempotent: GET}]",
        message=("failover.0.idempotent: 'GET' is invalid: expected true or false, for example true"),
    ),
    Case(
        mistake="failover twice for a host",
        written="""
        failover:
          - {hosts: [checkout.shop.svc.cluster.local], withinSeconds: 9}
          - {hosts: [cart.shop.svc.cluster.local, checkout.shop.svc.cluster.local], withinSeconds: 5}
        """,
        message="failover.1.hosts.1: checkout.shop.svc.cluster.local is there twice; expected each host once",
    ),
    Case(
        mistake="failover for a host of another domain",
        written="failover: [{hosts: [checkout.shop.svc.example.org], withinSeconds: 10}]",
        message=(
            "failover.0.hosts.0: checkout.shop.svc.example.org: east has no such service; expected "
            "checkout.shop.svc.cluster.local"
        ),
    ),
    Case(
        mistake="failover of calls that stay inside",
        written="""
        failover: [{hosts: [checkout.shop.svc.cluster.local], withinSeconds: 10}]
        clusters: {west: {exposure: {clusterLocal: ["*.shop.svc.cluster.local"]}}}
        """,
        message=(
            "failover.0.hosts.0: checkout.shop.svc.cluster.local: exposure.clusterLocal of west has "
            "*.shop.svc.cluster.local, so no call to it leaves the cluster; expected it in only one of the "
            "two"
        ),
    ),
    Case(
        mistake="failover without sidecars",
        written="""
        dataPlane: ambient
        failover: [{hosts: [checkout.shop.svc.cluster.local], withinSeconds: 10}]
        """,
        message=(
            "failover: is for clients with sidecars, and the stack has none: ztunnel ejects no endpoints; "
            "leave it out (docs/failover.md#ambient)"
        ),
    ),
    Case(
        mistake="failover where nothing in istio-system holds for all",
        written="""
        failover: [{hosts: [checkout.shop.svc.cluster.local], withinSeconds: 10}]
        clusters: {west: {istio: {values: {istiod: {meshConfig: {rootNamespace: istio-config}}}}}}
        """,
        message=(
            "clusters.west.istio.values.istiod.meshConfig.rootNamespace: is 'istio-config', but failover is "
            "configured in istio-system, where it would apply to no client; expected istio-system, or no "
            "failover"
        ),
    ),
    Case(
        mistake="failover by which the sample would answer from near only",
        written="""
        helloWorld: true
        failover: [{hosts: [helloworld.sample.svc.cluster.local], withinSeconds: 10}]
        """,
        message=(
            "failover.0.hosts.0: helloworld.sample.svc.cluster.local is HelloWorld, and `python -m mesh "
            "verify` expects its answers from all clusters; expected `prefer: none`, or a service of yours"
        ),
    ),
    Case(
        mistake="failover of the sample behind a gateway of several clusters",
        written="""
        helloWorld: true
        failover: [{hosts: [helloworld.sample.svc.cluster.local], withinSeconds: 10, prefer: none}]
        clusters:
          west: {network: two}
          third: {context: third, kubeconfig: third, network: two, gateway: {enabled: false}}
        """,
        message=(
            "failover.0.hosts.0: helloworld.sample.svc.cluster.local is HelloWorld, which has its own "
            "DestinationRule in east; expected a service of yours"
        ),
    ),
    Case(
        mistake="waypoints without an ambient cluster",
        written="waypoints: [shop]",
        message=(
            "waypoints: is for ambient clusters, and the stack has none; expected dataPlane ambient "
            "or both, or leave it out"
        ),
    ),
    Case(
        mistake="definitions of the Gateway API without an ambient cluster",
        written="gatewayApi: {manifest: gateway-api.yaml}",
        message=(
            "gatewayApi: is for ambient clusters, and the stack has none; expected dataPlane ambient "
            "or both, or leave it out"
        ),
    ),
    Case(
        mistake="a namespace with two waypoints",
        written="dataPlane: ambient\nwaypoints: [shop, shop]",
        message="waypoints.1: shop is there twice; expected each namespace once",
    ),
    Case(
        mistake="a waypoint for Istio itself",
        written="dataPlane: ambient\nwaypoints: [istio-system]",
        message=(
            "waypoints.0: istio-system is Istio's own namespace; expected namespaces with your "
            "services, for example shop"
        ),
    ),
    Case(
        mistake="a stub for sidecars",
        written="clusters: {west: {stubs: [{namespace: shop, name: cart, ports: {http: 80}}]}}",
        message=(
            "clusters.west.stubs.0: is for ambient workloads, and west has none; sidecars find services of "
            "other clusters without it: leave it out"
        ),
    ),
    Case(
        mistake="a stub twice",
        written=(
            "dataPlane: ambient\nclusters: {west: {stubs: [{namespace: shop, name: cart, ports: {http: 80}}, "
            "{namespace: shop, name: cart, ports: {http: 81}}]}}"
        ),
        message="clusters.west.stubs.1: shop/cart is there twice; expected it once",
    ),
    Case(
        mistake="a stub for HelloWorld",
        written=(
            "dataPlane: ambient\nhelloWorld: {enabled: true}\n"
            "clusters: {west: {stubs: [{namespace: sample, name: helloworld, ports: {http: 5000}}]}}"
        ),
        message="clusters.west.stubs.0: sample/helloworld is HelloWorld, which west has",
    ),
    Case(
        mistake="a stub without ports",
        written="dataPlane: ambient\nclusters: {west: {stubs: [{namespace: shop, name: cart, ports: {}}]}}",
        message="clusters.west.stubs.0.ports: expected at least one entry, for example {http: 80}",
    ),
    Case(
        mistake="values for ztunnel in a mesh of sidecars",
        written="istio: {values: {ztunnel: {logLevel: debug}}}",
        message=(
            "istio.values.ztunnel: is for ambient clusters, and the stack has none; expected "
            "dataPlane ambient or both, or leave it out"
        ),
    ),
    Case(
        mistake="values for the node agent in a cluster of sidecars",
        written=("clusters: {west: {dataPlane: ambient}, east: {istio: {values: {cni: {cniBinDir: /cni}}}}}"),
        message=(
            "clusters.east.istio.values.cni: is for ambient clusters, and east is none; expected "
            "dataPlane ambient or both there, or leave it out"
        ),
    ),
    Case(
        mistake="a trust domain that ambient cannot have yet",
        written="dataPlane: ambient\nmesh: {trustDomain: example.com}\nistio: {version: 1.28.0}",
        message=(
            "istio.version: 1.28.0 would fail all ambient calls between clusters, because the mesh "
            "has a trust domain other than cluster.local; expected 1.28.1 or later "
            "(https://github.com/istio/istio/issues/58427)"
        ),
    ),
    Case(
        mistake="waypoints that lead nowhere yet",
        written="dataPlane: ambient\nwaypoints: [shop]\nistio: {version: 1.27.3}",
        message=(
            "istio.version: 1.27.3 would send no call from a waypoint to another cluster; expected "
            "1.28.0 or later (https://github.com/istio/istio/issues/57537)"
        ),
    ),
    Case(
        mistake="a token that a stale ambient control plane would not take",
        written=(
            "dataPlane: ambient\nclusters: {west: {reader: {tokenGenerations: [1, 2]}}, east: {istio: "
            "{version: 1.30.5}}}"
        ),
        message=(
            "clusters.west.reader.tokenGenerations: [1, 2] changes the remote secrets of west, and "
            "istiod 1.30.5 of east may ignore that or lose gateways or endpoints by it "
            "(https://github.com/istio/istio/issues/60033); upgrade it first, for example to 1.31.0"
        ),
    ),
    Case(
        mistake="another network in the values for ztunnel",
        written="clusters: {west: {dataPlane: ambient, istio: {values: {ztunnel: {network: other}}}}}",
        message=(
            "clusters.west.istio.values.ztunnel.network: must be 'net-west' in this mesh; leave it out, or "
            "change the cluster's network"
        ),
    ),
    Case(
        mistake="a node agent that makes nothing ambient",
        written="{dataPlane: ambient, istio: {values: {cni: {ambient: {enabled: false}}}}}",
        message=(
            "istio.values.cni.ambient.enabled: must be True in this mesh; leave it out, or change the "
            "cluster's dataPlane"
        ),
    ),
    Case(
        mistake="an ambient control plane for one network",
        written=(
            "{dataPlane: ambient, istio: {values: {istiod: {env: {AMBIENT_ENABLE_MULTI_NETWORK: 'false'}}}}}"
        ),
        message=(
            "istio.values.istiod.env.AMBIENT_ENABLE_MULTI_NETWORK: must be 'true' in this mesh; leave it "
            "out, or change the cluster's dataPlane"
        ),
    ),
)


def _refusal(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        load(raw, read=_read).valid()
    return [str(problem) for problem in refused.value.problems]


def test_the_configuration_that_cases_start_from_is_right():
    """So that each case is refused for its own mistake alone."""
    assert set(load(yaml.safe_load(BASE), read=_read).valid().clusters) == {"east", "west"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.mistake)
def test_a_mistake_has_one_clear_message(case: Case):
    """It says where in the stack file, what was expected, and how that looks."""
    raw = deep_merge(yaml.safe_load(BASE), yaml.safe_load(case.written))
    assert _refusal(raw) == [case.message]


def test_a_kubeconfig_is_a_path_or_contents_but_not_both():
    """Which of two would be taken is nothing to guess."""
    contents = kubeconfig({"third": "https://third.example.com:6443"}, user={"exec": {"command": "aws"}})
    both = {"context": "third", "kubeconfig": "third", "kubeconfigContents": contents}
    assert _refusal(deep_merge(yaml.safe_load(BASE), {"clusters": {"west": both}})) == [
        "clusters.west.kubeconfig: expected either kubeconfig or kubeconfigContents, not both"
    ]


def test_what_is_required_and_missing_is_named():
    """An empty stack file has two things to say, each with an example."""
    assert _refusal({}) == [
        "mesh: is required, for example {id: dev}",
        "clusters: expected a map with at least one cluster, for example {east: {context: east}}",
    ]


def test_all_mistakes_are_told_in_one_go():
    """One mistake hides no other, and the message counts them."""
    written = """
    mesh: {id: Dev}
    istio: {version: 1.20.0}
    clusters: {west: {context: east, apiServer: {server: "https://localhost:6443"}}}
    """
    with pytest.raises(ConfigurationError) as refused:
        load(
            deep_merge(yaml.safe_load(BASE), yaml.safe_load(written)), read=_read, path_prefix="istio-mesh:"
        ).valid()
    first, *lines = str(refused.value).splitlines()
    assert first == "4 problems in the stack's configuration; nothing was changed."
    assert [line.strip().partition(": ")[0] for line in lines] == [
        "istio-mesh:mesh.id",
        "istio-mesh:istio.version",
        "istio-mesh:clusters.west.apiServer.server",
        "istio-mesh:clusters.west.context",
    ]


def test_what_is_secret_is_never_repeated():
    """Not even where it is what is wrong."""
    raw = deep_merge(yaml.safe_load(BASE), {"clusters": {"west": {"skipUnreachable": "hunter2"}}})
    with pytest.raises(ConfigurationError) as refused:
        load(raw, read=_read, secret={"clusters"}).valid()
    assert "hunter2" not in str(refused.value)
    assert "clusters.west.skipUnreachable" in str(refused.value)


def test_a_broken_kubeconfig_is_not_quoted():
    """A parser's own message would show the lines around the mistake, which may hold a token."""
    raw = deep_merge(yaml.safe_load(BASE), {"clusters": {"west": {"kubeconfig": "torn"}}})
    with pytest.raises(ConfigurationError) as refused:
        load(raw, read=lambda path: "token: hunter2: [" if path == "torn" else _read(path)).valid()
    assert "hunter2" not in str(refused.value)
