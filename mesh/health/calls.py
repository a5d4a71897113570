"""What the calls, and the proxy that they go through, say themselves. Pure."""

import ipaddress

from mesh.cli.verify.hints import PUT_BACK
from mesh.cli.verify.model import Finding
from mesh.live.facts import PairFacts
from mesh.samples.names import NAMESPACE, SERVICE


def service_missing(facts: PairFacts) -> Finding | None:
    """Server pods that belong to no Service."""
    if facts.target.sample.service:
        return None
    return Finding(
        reason="service-missing",
        cluster=facts.target.name,
        message=f"{facts.target.name} has no Service {SERVICE} in {NAMESPACE}: its pods belong to no service",
        hint=PUT_BACK,
    )


def name_not_resolved(facts: PairFacts) -> Finding | None:
    """A client that cannot resolve the service's name."""
    if not any("resolve host" in reason.lower() for reason in facts.failures):
        return None
    sample, name = facts.caller.sample, facts.caller.name
    if not sample.service and not sample.dns_capture:
        return Finding(
            reason="dns-not-captured",
            cluster=name,
            message=f"{SERVICE}.{NAMESPACE} exists in other clusters only, and the proxy of {name}'s client "
            "does not answer for names",
            hint='set meshConfig.defaultConfig.proxyMetadata.ISTIO_META_DNS_CAPTURE to "true" and restart '
            "the client, or make a Service of that name",
        )
    return Finding(
        reason="name-not-resolved",
        cluster=name,
        message=f"{SERVICE}.{NAMESPACE} cannot be resolved in {name}'s client",
        hint=f"do the DNS pods of {name} run? In {name}: kubectl -n kube-system get pods",
    )


def endpoints_missing(facts: PairFacts) -> Finding | None:
    """A proxy that has no endpoint in the target."""
    addresses = facts.target.gateway.addresses
    if facts.link is None or facts.path is None or facts.path.problem:
        return None
    if not addresses or not all(_is_ip(address) for address in addresses):
        return None
    if any(endpoint.rpartition(":")[0].strip("[]") in addresses for endpoint in facts.path.endpoints):
        return None
    return Finding(
        reason="endpoints-missing",
        cluster=facts.caller.name,
        message=f"the proxy of {facts.caller.name}'s client has no endpoint behind {facts.target.name}'s "
        f"gateway ({', '.join(addresses)}); it has: {', '.join(facts.path.endpoints) or 'none'}",
        hint=f"in {facts.caller.name}: istioctl proxy-status; is {SERVICE} kept inside of "
        f"{facts.target.name} by a setting such as exportTo or meshConfig.serviceSettings?",
    )


def tls_refused(facts: PairFacts) -> Finding | None:
    """A call that broke off in TLS."""
    said = next((reason for reason in facts.failures if _speaks_of_tls(reason)), None)
    if said is None:
        return None
    return Finding(
        reason="tls-refused",
        cluster=facts.target.name,
        message=f"a call from {facts.caller.name} broke off in TLS: {said}",
        hint="do the clocks of the clusters agree? Then restart the workloads, so that they get new "
        "certificates",
    )


def no_answer(facts: PairFacts) -> Finding:
    """What the calls themselves said, where nothing else was found."""
    failures = sorted(facts.failures.items(), key=lambda item: -item[1])[:2]
    seen = "; ".join(f"{count} calls failed: {reason}" for reason, count in failures)
    return Finding(
        reason="no-answer",
        cluster=facts.target.name,
        message=facts.call_problem or seen or f"all calls from {facts.caller.name} were answered by others",
        hint="try again with a longer --timeout or more --calls; if it stays, in "
        f"{facts.caller.name}: istioctl proxy-config endpoints of the client pod in {NAMESPACE}",
    )


def _speaks_of_tls(reason: str) -> bool:
    return any(word in reason for word in ("TLS_error", "CERTIFICATE", "SSL routines"))


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
