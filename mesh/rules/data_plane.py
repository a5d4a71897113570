"""Ambient clusters: what they cannot be, what no ambient gateway can do, and what is for them alone.

Facts of istiod are from istio/istio: a gateway of another cluster is called at the addresses of its status,
on port 15008 (`pilot/pkg/serviceregistry/ambient/networks.go`), and gets no NetworkPolicy
(`manifests/charts/istio-control/istio-discovery/files/waypoint.yaml`).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.types import DataPlane, ServiceType
from mesh.istio.defects import NO_OTHER_TRUST_DOMAIN, NO_WAY_FROM_WAYPOINTS
from mesh.istio.hosts import cluster_domain, covers
from mesh.istio.names import GATEWAY_PORT, GLOBAL_LABEL, HBONE_PORT, NAMESPACE
from mesh.istio.revisions import revisions, version_setting
from mesh.istio.scopes import namespace_of, own_scopes, selected, service_scopes
from mesh.istio.values import service_type
from mesh.mappings import as_map
from mesh.plan import callable_from, has_gateway, has_hbone_gateway
from mesh.samples import names as sample

_LIMITS = "docs/ambient.md#limits"
_EXPOSURE = "docs/ambient.md#exposure"
_MOVING = "docs/runbooks/sidecar-to-ambient.md"
_FOR_AMBIENT = ("istio.values.cni", "istio.values.ztunnel")
_DEFINITIONS = "gatewayApi"
_USUAL_TRUST_DOMAIN = "cluster.local"


def problems(config: StackConfig, _now: datetime) -> Iterator[Problem]:
    """A problem for each ambient cluster that could not work, and for each setting without effect."""
    for cluster in config.online.values():
        yield from _stubs(cluster)
        if not cluster.data_plane.has_ztunnel:
            yield from _unused(cluster)
            continue
        yield from _role(cluster)
        yield from _network(config, cluster)
        yield from _version(config, cluster)
        yield from _hosts(cluster)
        for setting, message in _gateway(config, cluster):
            yield Problem(path=cluster.path(f"gateway.{setting}"), message=message)
    yield from _unused_by_all(config)
    yield from _waypoints(config)


def _unused(cluster: ClusterConfig) -> Iterator[Problem]:
    for setting in _FOR_AMBIENT:
        if _below(cluster.settings, setting):
            yield Problem(
                path=f"clusters.{cluster.name}.{setting}",
                message=f"is for ambient clusters, and {cluster.name} is none; expected dataPlane ambient or "
                "both there, or leave it out",
            )


def _unused_by_all(config: StackConfig) -> Iterator[Problem]:
    if any(cluster.data_plane.has_ztunnel for cluster in config.clusters.values()):
        return
    given = [setting for setting in (*_FOR_AMBIENT, _DEFINITIONS) if _below(config.settings, setting)]
    for setting in (*given, *(["waypoints"] if config.waypoints else [])):
        yield Problem(
            path=setting,
            message="is for ambient clusters, and the stack has none; expected dataPlane ambient or both, or "
            "leave it out",
        )


def _below(settings: Iterable[str], setting: str) -> bool:
    return any(path.startswith(f"{setting}.") for path in settings)


def _role(cluster: ClusterConfig) -> Iterator[Problem]:
    """Over several networks, each ambient cluster has its own control plane, for itself alone."""
    if cluster.control_plane is not None:
        yield Problem(
            path=cluster.path("dataPlane"),
            message=f"{cluster.name} has no control plane of its own, and ztunnel needs one; expected "
            f"{DataPlane.SIDECAR} for it, or no controlPlane ({_LIMITS})",
        )
    elif cluster.serves:
        yield Problem(
            path=cluster.path("dataPlane"),
            message=f"the control plane of {cluster.name} serves {', '.join(cluster.serves)}, and an ambient "
            f"one serves its own cluster alone; expected {DataPlane.SIDECAR}, or no controlPlane there "
            f"({_LIMITS})",
        )


def _network(config: StackConfig, cluster: ClusterConfig) -> Iterator[Problem]:
    """Istio has ambient for clusters on networks of their own."""
    others = [
        other
        for other in config.clusters.values()
        if other.network == cluster.network and other.name != cluster.name
    ]
    names = list(config.clusters)
    for other in others:
        if other.data_plane.has_ztunnel and names.index(other.name) > names.index(cluster.name):
            continue  # said of the later one
        yield Problem(
            path=f"clusters.{cluster.name}.network",
            message=f"{cluster.network!r} is the network of {other.name} too, and ambient clusters have one "
            f"each; expected another, for example net-{cluster.name} ({_LIMITS})",
        )
        return


def _version(config: StackConfig, cluster: ClusterConfig) -> Iterator[Problem]:
    """Versions of Istio with which no call reaches another cluster."""
    for defect, has_it in (
        (NO_OTHER_TRUST_DOMAIN, config.mesh.trust_domain != _USUAL_TRUST_DOMAIN),
        (NO_WAY_FROM_WAYPOINTS, bool(config.waypoints)),
    ):
        for revision in revisions(cluster) if has_it else ():
            if defect.affects(revision.version):
                yield Problem(
                    path=version_setting(cluster, revision),
                    message=f"{revision.version} would {defect.happens}; expected {defect.fixed} or later "
                    f"({defect.see})",
                )


def _hosts(cluster: ClusterConfig) -> Iterator[Problem]:
    """Istiod selects by namespaces and labels; a single Service has a label for it."""
    for setting, hosts in (
        ("hosts", selected(cluster)),
        ("clusterLocal", cluster.exposure.cluster_local),
    ):
        for host in hosts:
            if message := _host(cluster, host):
                yield Problem(path=cluster.path(f"exposure.{setting}"), message=f"{host}: {message}")
    scopes = "istio.values.istiod.meshConfig.serviceScopeConfigs"
    for index, entry in enumerate(own_scopes(cluster)):
        if cluster.exposure.cluster_local and (as_map(entry) or {}).get("scope") == "GLOBAL":
            yield Problem(
                path=f"{cluster.path(scopes)}[{index}]",
                message="makes services global whatever exposure.clusterLocal keeps inside; expected one of "
                f"the two ({_EXPOSURE})",
            )


def _host(cluster: ClusterConfig, host: str) -> str | None:
    domain = cluster_domain(cluster)
    if covers(host, f"*.svc.{domain}") or namespace_of(host, domain) is not None:
        return None
    name, _, rest = host.partition(".")
    if namespace_of(f"*.{rest}", domain) is not None and name != "*":
        label = "the label istio.io/global on the Service, `true` to expose it and `false` to keep it inside"
        return f"ambient clusters select whole namespaces; expected *.{rest}, or {label} ({_EXPOSURE})"
    return f"no service is there; expected for example *.shop.svc.{domain} ({_EXPOSURE})"


def _gateway(config: StackConfig, cluster: ClusterConfig) -> Iterator[tuple[str, str]]:
    """What the section `gateway` cannot say of a gateway that istiod makes."""
    if not has_hbone_gateway(config, cluster.name):
        return
    gateway, service = cluster.gateway, cluster.gateway.service
    of_sidecars = has_gateway(config, cluster.name)
    if not of_sidecars:
        if gateway.port != GATEWAY_PORT:
            yield (
                "port",
                f"is that of a gateway for sidecars, and the mesh has none; ambient clusters call "
                f"{HBONE_PORT}, or the port of an address in gateway.addresses; leave it out ({_LIMITS})",
            )
        if gateway.network_policy:
            yield (
                "networkPolicy",
                f"is for a gateway for sidecars, and the mesh has none; leave it out, and open {HBONE_PORT} "
                f"for the pods of the ambient gateway with a NetworkPolicy of your own ({_LIMITS})",
            )
    elif service.node_port is not None:
        yield (
            "service.nodePort",
            f"{service.node_port} would be that of two gateways, one for sidecars and one for ambient "
            "workloads; leave it out",
        )
    if not cluster.data_plane.has_sidecars and len(gateway.addresses) > 1:
        yield (
            "addresses",
            f"are {len(gateway.addresses)}, and ambient workloads use one for each network; expected one "
            "(https://github.com/istio/istio/issues/56960)",
        )
    if service_type(cluster) == ServiceType.NODE_PORT and not gateway.addresses:
        yield (
            "service.type",
            f"is NodePort, and ambient clusters are not told the ports of nodes; expected "
            f"{ServiceType.LOAD_BALANCER}, or clusters.{cluster.name}.gateway.addresses, for example "
            f"[{{address: 198.51.100.7, port: {HBONE_PORT}}}] ({_LIMITS})",
        )


def _waypoints(config: StackConfig) -> Iterator[Problem]:
    for index, namespace in enumerate(config.waypoints):
        path = f"waypoints.{index}"
        if namespace in config.waypoints[:index]:
            yield Problem(path=path, message=f"{namespace} is there twice; expected each namespace once")
        elif namespace == NAMESPACE:
            yield Problem(
                path=path,
                message=f"{namespace} is Istio's own namespace; expected namespaces with your services, for "
                "example shop",
            )


def _stubs(cluster: ClusterConfig) -> Iterator[Problem]:
    own = [(stub.namespace, stub.name) for stub in cluster.stubs]
    for index, (namespace, name) in enumerate(own):
        path = f"clusters.{cluster.name}.stubs.{index}"
        if not cluster.data_plane.has_ztunnel:
            yield Problem(
                path=path,
                message=f"is for ambient workloads, and {cluster.name} has none; sidecars find services of "
                "other clusters without it: leave it out",
            )
        elif (namespace, name) in own[:index]:
            yield Problem(path=path, message=f"{namespace}/{name} is there twice; expected it once")
        elif (namespace, name) == (sample.NAMESPACE, sample.SERVICE) and cluster.hello_world.enabled:
            yield Problem(path=path, message=f"{namespace}/{name} is HelloWorld, which {cluster.name} has")


def warnings(config: StackConfig) -> Iterator[Problem]:
    """What works otherwise than one may think, and stops nothing."""
    ambient = [c for c in config.online.values() if c.data_plane.has_ztunnel]
    if not ambient:
        return
    yield from _mixed(config)
    yield from _other_exposure(config, ambient)
    if config.waypoints and (config.split or len(config.clusters) > 1):
        yield Problem(
            path="waypoints",
            message="the waypoint of the cluster that calls enforces policies for HTTP, and that of the "
            "cluster that is called does not: have the same policies in all clusters "
            "(docs/ambient.md#waypoints)",
        )


def _mixed(config: StackConfig) -> Iterator[Problem]:
    """Which calls cross between clusters of different data planes, and which do not."""
    kinds: dict[DataPlane, list[str]] = {}
    for cluster in config.clusters.values():
        kinds.setdefault(cluster.data_plane, []).append(cluster.name)
    sidecar, ambient, both = (", ".join(kinds.get(plane, ())) for plane in DataPlane)
    see = "docs/ambient.md#sidecars-and-ambient-in-one-mesh"
    if sidecar and ambient:
        yield Problem(
            path="dataPlane",
            message=f"no call crosses between {sidecar}, with sidecars, and {ambient}, ambient: each calls "
            "what its own kind has, and what only the other kind has is out of reach. An ambient cluster has "
            f"a gateway for sidecars, too, without which these calls would hang ({see})",
        )
    if both:
        yield Problem(
            path="dataPlane",
            message=f"{both} may have pods of both kinds: where an ambient client calls a service whose pods "
            "in another cluster have sidecars, calls that go there fail. While namespaces move, keep calls "
            "to them, and to those that they call, inside each cluster: with the annotation "
            f"networking.istio.io/traffic-distribution: PreferClose on these namespaces ({_MOVING})",
        )


def _other_exposure(config: StackConfig, ambient: list[ClusterConfig]) -> Iterator[Problem]:
    """An istiod goes by its own exposure for the services of all clusters; a gateway has those of its own."""
    for cluster in ambient:
        for other in ambient:
            seen = other.name in callable_from(config, cluster.name)
            if seen and service_scopes(cluster) != service_scopes(other):
                yield Problem(
                    path=cluster.path("exposure"),
                    message=f"{cluster.name} and {other.name} expose different services: ambient clients of "
                    "a cluster call other clusters for what their own exposes, and where the other one does "
                    "not, its gateway resets these calls. Expected the same exposure for both: without one, "
                    f"{DataPlane.BOTH} exposes all services, and {DataPlane.AMBIENT} those with the label "
                    f"{GLOBAL_LABEL} ({_EXPOSURE})",
                )
                return
