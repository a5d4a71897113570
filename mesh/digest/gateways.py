"""Changes of a gateway that may make calls from other networks fail for a while. Pure."""

from collections.abc import Iterator, Sequence

from mesh.digest.releases import ReleaseChange, RenderedChange
from mesh.digest.report import Danger, DangerKind
from mesh.digest.words import listed
from mesh.istio.addresses import GatewayService, gateway_service, told
from mesh.istio.names import (
    GATEWAY,
    GATEWAY_PORT,
    GATEWAY_PORTS,
    MESH_CONFIG,
    NETWORK_LABEL,
    istiod_revision,
    revisioned,
)
from mesh.mappings import Json
from mesh.preflight.manifests import find

_SEE = "docs/gateways.md#change-a-running-gateway says how to do it without"


def other_ways_in(releases: Sequence[tuple[ReleaseChange, RenderedChange]]) -> Iterator[Danger]:
    """Gateways that get other addresses, another port, or another type of Service."""
    for change, rendered in releases:
        old, new = _service(rendered.old), _service(rendered.new)
        if change.name != GATEWAY or old is None or new is None:
            continue
        network = old.labels.get(NETWORK_LABEL) or new.labels.get(NETWORK_LABEL)
        if NETWORK_LABEL in old.labels and NETWORK_LABEL not in new.labels:
            yield from _moved(
                change.cluster,
                _told_of(network, releases, now=True),
                "no longer uses",
                "gets other addresses only now",
            )
        elif NETWORK_LABEL in new.labels and NETWORK_LABEL not in old.labels:
            yield from _moved(
                change.cluster,
                _told_of(network, releases, now=False),
                "uses",
                "drops the addresses that it had",
            )
        before, after = (f"{s.type} with port {_called(s)}" for s in (old, new))
        if before != after:
            yield Danger(
                kind=DangerKind.CUT_OFF,
                clusters=(change.cluster,),
                message=f"the Service of the gateway in {change.cluster} becomes a {after}, so far a "
                f"{before}: connections through it end, and calls may fail until the new way is open. {_SEE}",
            )


def _moved(cluster: str, readers: Sequence[str], verb: str, consequence: str) -> Iterator[Danger]:
    if readers:
        yield Danger(
            kind=DangerKind.CUT_OFF,
            clusters=(cluster,),
            message=f"the mesh {verb} the addresses of the gateway's Service in {cluster}, and istiod in "
            f"{listed(readers)} {consequence}: calls from there may fail in between. {_SEE}",
        )


def _told_of(
    network: str | None, releases: Sequence[tuple[ReleaseChange, RenderedChange]], *, now: bool
) -> list[str]:
    """The clusters whose istiod gets, or without `now` loses, the addresses of a network's gateways."""
    found: list[str] = []
    for change, rendered in releases:
        revision = istiod_revision(change.name)
        if revision is None or network is None:
            continue
        name = revisioned(MESH_CONFIG, revision)
        before, after = (network in told(find(m, "ConfigMap", name)) for m in (rendered.old, rendered.new))
        if before is not now and after is now:
            found.append(change.cluster)
    return found


def _called(service: GatewayService) -> str:
    """The ports of a gateway's Service without those that no other network calls."""
    others = {port for port in GATEWAY_PORTS.values() if port != GATEWAY_PORT}
    return ", ".join(str(port) for port in service.ports if port not in others)


def _service(manifests: Sequence[Json]) -> GatewayService | None:
    service = find(manifests, "Service", GATEWAY)
    return gateway_service(service) if service else None
