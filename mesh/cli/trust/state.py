"""Certificates in the stack's state. Secrets in it stay encrypted: no key is ever read."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509

from mesh.cli.errors import CommandError
from mesh.cli.stack import PROJECT
from mesh.config.resolved import StackConfig
from mesh.live.kubernetes_api import Json, at

_KINDS = ("tls:index/selfSignedCert:SelfSignedCert", "tls:index/locallySignedCert:LocallySignedCert")


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A CA certificate that the stack has made or was given, and what it is, such as `root 1`."""

    what: str
    certificate: x509.Certificate


def exported(stack: str) -> Json:
    """The stack's state with its secrets encrypted.

    Raises:
        CommandError: Pulumi cannot give it.
    """
    done = subprocess.run(
        ["pulumi", "stack", "export", "--stack", stack, "--non-interactive"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CommandError(f"pulumi cannot export the stack {stack}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def declared(config: StackConfig, state: Json) -> tuple[Declared, ...]:
    """All CA certificates of the stack: those in its state, and those given in its configuration. Pure."""
    resources: Sequence[Json] = at(state, "deployment", "resources") or []
    made = [
        Declared(what=_what(str(resource["urn"])), certificate=_parsed(str(resource["outputs"]["certPem"])))
        for resource in resources
        if resource.get("type") in _KINDS and not resource.get("delete")
    ]
    trust = config.trust
    roots = [root for root in (trust.root, trust.next_root) if root is not None and root.certificate]
    given = [
        *(Declared(what=f"root {r.generation}", certificate=_parsed(r.certificate or "")) for r in roots),
        *(
            Declared(what=f"intermediate of {c.name}", certificate=_parsed(c.intermediate.certificate))
            for c in config.clusters.values()
            if c.intermediate.certificate
        ),
    ]
    return tuple(sorted([*made, *given], key=lambda entry: (not entry.what.startswith("root"), entry.what)))


def _what(urn: str) -> str:
    """What the certificate of that resource is: `mesh-root-g2-certificate` is `root 2`."""
    owner, _, rest = urn.rpartition("::")[2].removesuffix("-certificate").rpartition("-g")
    if owner.endswith("-intermediate"):
        return f"intermediate of {owner.removesuffix('-intermediate')}"
    return f"root {rest}"


def _parsed(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())
