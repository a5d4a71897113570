"""The addresses of an east-west gateway that other networks can use. Pure."""

from collections.abc import Iterable


def gateway_addresses(
    ingress: Iterable[tuple[str | None, str | None]], external_ips: Iterable[str]
) -> tuple[str, ...]:
    """IP addresses and host names of a Service, each once.

    istiod takes the same ones (`pilot/pkg/serviceregistry/kube/conversion.go` in istio/istio): those that the
    load balancer has reported, and the Service's external IPs beside them.

    Args:
        ingress: IP and host name of each entry in `status.loadBalancer.ingress`; an entry may have neither.
        external_ips: the Service's `spec.externalIPs`.
    """
    reported = (ip or hostname for ip, hostname in ingress)
    return tuple(dict.fromkeys(address for address in (*reported, *external_ips) if address))
