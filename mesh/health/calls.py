"""What can be wrong with HelloWorld and the calls to it. Pure; the only checks that need the sample."""

import ipaddress
from collections.abc import Iterator

from mesh.health.finding import PUT_BACK, Finding, Reason
from mesh.istio.hosts import covers, service_host
from mesh.live.facts import ClusterFacts, Pair, PairFacts, Workload
from mesh.samples.names import CLIENT, NAMESPACE, SERVICE


def sidecar_missing(facts: PairFacts) -> Finding | None:
    """Client or server pods without a proxy."""
    for cluster, role, workload in _workloads(facts):
        if workload.injected < workload.pods:
            return Finding(
                reason=Reason.SIDECAR_MISSING,
                cluster=cluster.name,
                message=f"{workload.pods - workload.injected} of {workload.pods} {role} pods in "
                f"{cluster.name}/{NAMESPACE} have no sidecar",
                hint=f"in {cluster.name}, run `kubectl -n {NAMESPACE} delete deployment {CLIENT} "
                f"{SERVICE}-{cluster.name}`; then {PUT_BACK}, which puts back the label of the namespace and "
                "makes both again",
            )
    return None


def sample_not_running(facts: PairFacts) -> Finding | None:
    """No client to call from, or no server to answer."""
    for cluster, role, workload in _workloads(facts):
        if workload.ready == 0:
            return Finding(
                reason=Reason.SAMPLE_NOT_RUNNING,
                cluster=cluster.name,
                message=f"no {role} pod is ready in {cluster.name}/{NAMESPACE} (of {workload.pods})",
                hint=f"{PUT_BACK}; if that changes nothing, in {cluster.name}, run `kubectl -n {NAMESPACE} "
                "describe pods`",
            )
    return None


def service_missing(facts: PairFacts) -> Finding | None:
    """Server pods without a Service."""
    return _service_missing(facts.target)


def service_missing_here(facts: PairFacts) -> Finding | None:
    """Ambient clients without a Service in their own cluster: ztunnel does not know the name."""
    return _service_missing(facts.caller)


def _service_missing(cluster: ClusterFacts) -> Finding | None:
    if cluster.sample.service:
        return None
    return Finding(
        reason=Reason.SERVICE_MISSING,
        cluster=cluster.name,
        message=f"{cluster.name} has no Service {NAMESPACE}/{SERVICE}",
        hint=PUT_BACK,
    )


def sample_not_exposed(facts: PairFacts) -> Finding | None:
    """A target whose gateway does not pass calls to the sample through."""
    target = facts.target
    host = service_host(SERVICE, NAMESPACE, target.domain)
    hosts = target.gateway.hosts
    if facts.link is None or not hosts or any(covers(pattern, host) for pattern in hosts):
        return None
    return Finding(
        reason=Reason.SAMPLE_NOT_EXPOSED,
        cluster=target.name,
        message=f"{target.name} does not expose {host}; it exposes: {', '.join(hosts)}",
        hint=f"add {NAMESPACE} to exposure.namespaces; or set exposure.clusterLocal to [{host}] in the "
        "clusters that see it, by which their calls stay inside",
    )


def answered_unseen(pair: Pair, *, local: bool) -> Finding:
    """Answers of a cluster to which no call should go; `local` is whether calls should stay inside."""
    caller, target = pair.caller, pair.target
    why = "calls to HelloWorld stay inside" if local else f"{caller} does not see {target}"
    return Finding(
        reason=Reason.UNSEEN_CLUSTER_ANSWERS,
        cluster=caller,
        message=f"{target} answers {caller}, though {why} by the stack",
        hint="run `pulumi up`, if the stack file has changed since the last one; then `python -m mesh "
        f"check`, which finds remote secrets in {caller} that are not the stack's",
    )


def name_not_resolved(facts: PairFacts) -> Finding | None:
    """A client that cannot resolve the service's name."""
    if not any("resolve host" in reason.lower() for reason in facts.answers.failures):
        return None
    sample, name = facts.caller.sample, facts.caller.name
    if not sample.service and not sample.dns_capture:
        return Finding(
            reason=Reason.DNS_NOT_CAPTURED,
            cluster=name,
            message=f"{SERVICE}.{NAMESPACE} exists in remote clusters only, and the proxy of {name}'s client "
            "does not answer DNS queries",
            hint=f"{PUT_BACK}, which makes the Service in {name} again; where a service of yours exists in "
            "remote clusters only, set meshConfig.defaultConfig.proxyMetadata.ISTIO_META_DNS_CAPTURE to "
            '"true", and restart its clients',
        )
    return Finding(
        reason=Reason.NAME_NOT_RESOLVED,
        cluster=name,
        message=f"the client in {name} cannot resolve {SERVICE}.{NAMESPACE}",
        hint=f"check that the DNS pods run: in {name}, run `kubectl -n kube-system get pods`",
    )


def endpoints_missing(facts: PairFacts) -> Finding | None:
    """A proxy that has no endpoint in the target."""
    if facts.caller.name == facts.target.name or facts.path is None or facts.path.problem:
        return None
    if facts.ambient:
        where = f"behind {facts.target.name}'s gateway"
        there = facts.target.ambient and facts.target.ambient.gateway
        addresses = [address.authority for address in there.addresses] if there else []
    elif facts.direct:
        where = f"among {facts.target.name}'s pods"
        addresses = list(facts.target.sample.addresses)
    else:
        where = f"behind {facts.target.name}'s gateway"
        addresses = [address.authority for way in facts.gateways for address in way.gateway.addresses]
    if not addresses or not all(_is_ip(_host(address)) for address in addresses):
        return None
    if any(endpoint in addresses for endpoint in facts.path.endpoints):
        return None
    proxy = "ztunnel of" if facts.ambient else "the proxy of"
    return Finding(
        reason=Reason.ENDPOINTS_MISSING,
        cluster=facts.caller.name,
        message=f"{proxy} {facts.caller.name}'s client has no endpoint {where} "
        f"({', '.join(addresses)}); it has: {', '.join(facts.path.endpoints) or 'none'}",
        hint=f"in {facts.caller.name}, run `istioctl proxy-status`; check that no setting, such as exportTo "
        f"or meshConfig.serviceSettings, keeps {SERVICE} inside {facts.target.name}",
    )


def tls_refused(facts: PairFacts) -> Finding | None:
    """A call that failed in the TLS handshake."""
    reason = next((reason for reason in facts.answers.failures if _is_tls(reason)), None)
    if reason is None:
        return None
    return Finding(
        reason=Reason.TLS_REFUSED,
        cluster=facts.target.name,
        message=f"a call from {facts.caller.name} failed in TLS: {reason}",
        hint="check that the clocks of the clusters agree; then restart the workloads, which gives them new "
        "certificates",
    )


def no_answer(facts: PairFacts) -> Finding:
    """What the calls themselves reported, where nothing else was found."""
    failures = sorted(facts.answers.failures.items(), key=lambda item: -item[1])[:2]
    reported = "; ".join(f"{count} calls failed: {reason}" for reason, count in failures)
    return Finding(
        reason=Reason.NO_ANSWER,
        cluster=facts.target.name,
        message=facts.answers.problem
        or reported
        or f"other clusters answered all calls from {facts.caller.name}",
        hint="try again with a longer --timeout or more --calls; then, in "
        f"{facts.caller.name}, run "
        + (
            f"`istioctl ztunnel-config services --service-namespace {NAMESPACE}`"
            if facts.ambient
            else f"`istioctl proxy-config endpoints` for the client pod in {NAMESPACE}"
        ),
    )


def _workloads(facts: PairFacts) -> Iterator[tuple[ClusterFacts, str, Workload]]:
    yield facts.caller, CLIENT, facts.caller.sample.client
    yield facts.target, SERVICE, facts.target.sample.server


def _is_tls(reason: str) -> bool:
    return any(word in reason for word in ("TLS_error", "CERTIFICATE", "SSL routines"))


def _host(address: str) -> str:
    """The IP address in one with a port."""
    return address.rpartition(":")[0].strip("[]")


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
