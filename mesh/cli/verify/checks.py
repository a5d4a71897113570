"""What can be wrong between two clusters, from what was seen of them. Pure.

A check looks at a pair's facts and gives a finding, or None. Checks stand in chains, causes before what
follows from them: of each chain only the first finding is told.
"""

import ipaddress
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from mesh.cli.verify import trust_checks
from mesh.cli.verify.facts import ClusterFacts, PairFacts, Workload
from mesh.cli.verify.model import Finding
from mesh.istio.values import GATEWAY_NAME, GATEWAY_PORT
from mesh.samples.names import CLIENT, NAMESPACE, SERVICE

Check = Callable[[PairFacts], Finding | None]

_UP = "`pulumi up` puts it back (with `--refresh` where Pulumi does not know that it is gone)"


def diagnose(facts: PairFacts, *, answered: bool, now: datetime | None = None) -> tuple[Finding, ...]:
    """What is wrong with a pair, the most likely reason first; of a pair that was not answered never nothing.

    A pair that is answered is asked for faults too that have not come through to the calls yet: proxies go on
    with what they know for hours after the control plane lost a peer.
    """
    if blind := _api_server_unreachable(facts):
        return (blind,)
    moment = now or datetime.now(UTC)
    findings = list(_found(_FAULTS, facts))
    if distrust := trust_checks.expired(facts, moment) or trust_checks.different_roots(facts):
        findings.append(distrust)
    if not answered:
        findings += _found(_EXPLANATIONS, facts)
    return tuple(dict.fromkeys(findings)) or (() if answered else (_no_answer(facts),))


def _found(chains: list[tuple[Check, ...]], facts: PairFacts) -> Iterator[Finding]:
    for chain in chains:
        for check in chain:
            if finding := check(facts):
                yield finding
                break


def _clusters(facts: PairFacts) -> tuple[ClusterFacts, ...]:
    return (facts.caller,) if facts.link is None else (facts.caller, facts.target)


def _api_server_unreachable(facts: PairFacts) -> Finding | None:
    for cluster in _clusters(facts):
        if cluster.unreachable:
            return Finding(
                reason="api-server-unreachable",
                cluster=cluster.name,
                message=f"the API server of {cluster.name} cannot be asked: {cluster.unreachable}",
                hint=f"try `kubectl get nodes` with the kubeconfig and context that the stack names for "
                f"{cluster.name}",
            )
    return None


def _istiod_down(facts: PairFacts) -> Finding | None:
    for cluster in _clusters(facts):
        if cluster.istiod.ready == 0:
            return Finding(
                reason="istiod-down",
                cluster=cluster.name,
                message=f"no istiod is ready in {cluster.name} ({cluster.istiod.pods} pods): its proxies get "
                "no more changes and, within a day, no more certificates",
                hint=f"in {cluster.name}: kubectl -n istio-system describe pods -l app=istiod",
            )
    return None


def _sidecar_missing(facts: PairFacts) -> Finding | None:
    for cluster, role, workload in _workloads(facts):
        if workload.injected < workload.pods:
            return Finding(
                reason="sidecar-missing",
                cluster=cluster.name,
                message=f"{workload.pods - workload.injected} of {workload.pods} {role} pods in "
                f"{cluster.name}/{NAMESPACE} have no proxy beside them",
                hint=f"look for the label istio-injection=enabled on the namespace, then in {cluster.name}: "
                f"kubectl -n {NAMESPACE} rollout restart deployment",
            )
    return None


def _sample_not_running(facts: PairFacts) -> Finding | None:
    for cluster, role, workload in _workloads(facts):
        if workload.ready == 0:
            return Finding(
                reason="sample-not-running",
                cluster=cluster.name,
                message=f"no {role} pod is ready in {cluster.name}/{NAMESPACE} ({workload.pods} pods)",
                hint=f"in {cluster.name}: kubectl -n {NAMESPACE} describe pods",
            )
    return None


def _workloads(facts: PairFacts) -> Iterator[tuple[ClusterFacts, str, Workload]]:
    yield facts.caller, CLIENT, facts.caller.sample.client
    yield facts.target, SERVICE, facts.target.sample.server


def _remote_secret_missing(facts: PairFacts) -> Finding | None:
    if facts.link is None or facts.link.secrets:
        return None
    reader, target = facts.caller.name, facts.target.name
    return Finding(
        reason="remote-secret-missing",
        cluster=reader,
        message=f"{reader} has no remote secret for {target}: expected "
        f"istio-system/istio-remote-secret-{target} with the label istio/multiCluster=true",
        hint=_UP,
    )


def _remote_secret_unread(facts: PairFacts) -> Finding | None:
    if facts.link is None:
        return None
    reader, target = facts.caller.name, facts.target.name
    right = [s for s in facts.link.secrets if target in s.keys]
    if any(secret.labelled for secret in right):
        return None
    secret = (right or facts.link.secrets)[0]
    where = f"{secret.name} in {reader}/istio-system"
    if right:
        return Finding(
            reason="remote-secret-label",
            cluster=reader,
            message=f"{where} lacks the label istio/multiCluster=true, by which istiod finds it",
            hint=_UP,
        )
    return Finding(
        reason="remote-secret-key",
        cluster=reader,
        message=f"{where} has the data key {', '.join(secret.keys) or '(none)'}; expected the cluster's "
        f"name, {target}",
        hint=_UP,
    )


def _token_refused(facts: PairFacts) -> Finding | None:
    if facts.link is None or not (facts.link.token and facts.link.token.refused):
        return None
    reader, target = facts.caller.name, facts.target.name
    return Finding(
        reason="token-refused",
        cluster=target,
        message=f"the API server of {target} does not know the token in {reader}'s remote secret (HTTP 401)",
        hint=f"its token Secret in {target}/istio-system was deleted or made anew: `pulumi up --refresh` "
        "renews it and the remote secrets with it",
    )


def _reader_denied(facts: PairFacts) -> Finding | None:
    if facts.link is None or not (facts.link.token and facts.link.token.denied):
        return None
    target = facts.target.name
    return Finding(
        reason="reader-denied",
        cluster=target,
        message=f"the token that {facts.caller.name} has for {target} may not: "
        + ", ".join(facts.link.token.denied),
        hint=f"look at the ClusterRoleBindings of istio-reader-service-account in {target}; {_UP}",
    )


def _remote_not_synced(facts: PairFacts) -> Finding | None:
    if facts.link is None or facts.caller.remotes is None:
        return None
    reader, target = facts.caller.name, facts.target.name
    state = facts.caller.remotes.get(target)
    if state == "synced":
        return None
    return Finding(
        reason="remote-cluster-not-synced",
        cluster=reader,
        message=f"istiod of {reader} "
        + (f"has {target} as {state!r}, not as 'synced'" if state else f"does not know {target}"),
        hint=f"can {reader} reach the server in its remote secret for {target}? In {reader}: "
        f"kubectl -n istio-system logs deployment/istiod | grep {target}",
    )


def _gateway_down(facts: PairFacts) -> Finding | None:
    gateway, target = facts.target.gateway, facts.target.name
    if facts.link is None or (gateway.service and gateway.workload.ready):
        return None
    missing = "no Service" if not gateway.service else f"no ready pod ({gateway.workload.pods} pods)"
    return Finding(
        reason="gateway-down",
        cluster=target,
        message=f"the east-west gateway of {target} has {missing}",
        hint=f"in {target}: kubectl -n istio-system describe deployment {GATEWAY_NAME}; {_UP}",
    )


def _gateway_pending(facts: PairFacts) -> Finding | None:
    # Proxies go on with the last address that they were told, until their connections end.
    return _gateway_without_address(facts) if facts.target.gateway.service == "LoadBalancer" else None


def _gateway_without_address(facts: PairFacts) -> Finding | None:
    gateway, target = facts.target.gateway, facts.target.name
    if facts.link is None or gateway.addresses:
        return None
    return Finding(
        reason="gateway-without-address",
        cluster=target,
        message=f"the Service {GATEWAY_NAME} of {target}, type {gateway.service}, has no address that others "
        "could call",
        hint=f"does {target} have a load balancer for Services? In {target}: "
        f"kubectl -n istio-system describe service {GATEWAY_NAME}",
    )


def _not_exposed(facts: PairFacts) -> Finding | None:
    if facts.link is None or facts.target.gateway.exposes:
        return None
    target = facts.target.name
    return Finding(
        reason="cross-network-gateway-missing",
        cluster=target,
        message=f"no Gateway in {target}/istio-system passes TLS through on port {GATEWAY_PORT}: expected "
        "cross-network-gateway with AUTO_PASSTHROUGH",
        hint=_UP,
    )


def _network_label(facts: PairFacts) -> Finding | None:
    target = facts.target
    if facts.link is None or target.network_label == target.network:
        return None
    return Finding(
        reason="network-label-missing",
        cluster=target.name,
        message=f"istio-system of {target.name} has the label topology.istio.io/network="
        f"{target.network_label or '(none)'}; expected {target.network}",
        hint=_UP,
    )


def _service_missing(facts: PairFacts) -> Finding | None:
    if facts.target.sample.service:
        return None
    return Finding(
        reason="service-missing",
        cluster=facts.target.name,
        message=f"{facts.target.name} has no Service {SERVICE} in {NAMESPACE}: its pods belong to no service",
        hint=_UP,
    )


def _name_not_resolved(facts: PairFacts) -> Finding | None:
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


def _peer_api_server(facts: PairFacts) -> Finding | None:
    if facts.link is None or not (facts.link.token and facts.link.token.problem):
        return None
    reader, target = facts.caller.name, facts.target.name
    return Finding(
        reason="peer-api-server-unasked",
        cluster=reader,
        message=f"the remote secret for {target} could not be tried from here: {facts.link.token.problem}",
        hint=f"its server must be reachable from {reader}; if only peers reach it, this may be no fault",
    )


def _endpoints_missing(facts: PairFacts) -> Finding | None:
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


def _port_unreachable(facts: PairFacts) -> Finding | None:
    if facts.path is None or not facts.path.probe:
        return None
    return Finding(
        reason="gateway-port-unreachable",
        cluster=facts.target.name,
        message=f"{facts.caller.name} cannot connect to {facts.target.name}'s gateway at "
        f"{facts.path.probed}: {facts.path.probe}",
        hint=f"let TCP port {GATEWAY_PORT} through: firewalls, security groups, network policies and the "
        "health checks of the load balancer",
    )


def _tls_refused(facts: PairFacts) -> Finding | None:
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


def _speaks_of_tls(reason: str) -> bool:
    return any(word in reason for word in ("TLS_error", "CERTIFICATE", "SSL routines"))


def _no_answer(facts: PairFacts) -> Finding:
    failures = sorted(facts.failures.items(), key=lambda item: -item[1])[:2]
    seen = "; ".join(f"{count} calls failed: {reason}" for reason, count in failures)
    return Finding(
        reason="no-answer",
        cluster=facts.target.name,
        message=facts.call_problem or seen or f"all calls from {facts.caller.name} were answered by others",
        hint="try again with a longer --timeout or more --calls; if it stays, in "
        f"{facts.caller.name}: istioctl proxy-config endpoints of the client pod in {NAMESPACE}",
    )


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


_FAULTS: list[tuple[Check, ...]] = [
    (_istiod_down,),
    (_sidecar_missing, _sample_not_running),
    (_remote_secret_missing, _remote_secret_unread, _token_refused, _reader_denied, _remote_not_synced),
    (_gateway_down, _gateway_pending),
    (_not_exposed,),
    (_network_label,),
]
_EXPLANATIONS: list[tuple[Check, ...]] = [
    (_service_missing, _name_not_resolved),
    (_gateway_without_address, _port_unreachable, _endpoints_missing, _tls_refused),
    (_peer_api_server,),
]
