"""The policies as Pulumi's policy pack."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pulumi_policy as sdk
from pulumi_policy import policy as servicer

from policy.resources import Resource, decoded
from policy.rules import POLICIES, ResourcePolicy, StackPolicy

_NAME = "istio-mesh"


def serve() -> None:
    """Serve the policies until the engine ends the process."""
    # The SDK takes the marks off secrets before a policy sees them, and raises where a policy looks at what
    # is not known yet. Of what is no dict it does neither.
    servicer.deserialize_properties = _properties  # pyright: ignore[reportPrivateImportUsage]
    sdk.PolicyPack(name=_NAME, policies=[_declared(policy) for policy in POLICIES])


def _properties(wire: Mapping[str, Any], *_: bool) -> MappingProxyType[str, Any]:
    return MappingProxyType(decoded(wire))


def _declared(policy: ResourcePolicy | StackPolicy) -> sdk.Policy:
    level = sdk.EnforcementLevel.MANDATORY if policy.mandatory else sdk.EnforcementLevel.ADVISORY
    schema = sdk.PolicyConfigSchema({name: dict(s) for name, s in policy.settings.items()})
    if isinstance(policy, ResourcePolicy):
        return sdk.ResourceValidationPolicy(
            policy.name, policy.description, _each(policy), enforcement_level=level, config_schema=schema
        )
    return sdk.StackValidationPolicy(
        policy.name, policy.description, _stack(policy), enforcement_level=level, config_schema=schema
    )


def _each(policy: ResourcePolicy) -> Callable[[sdk.ResourceValidationArgs, sdk.ReportViolation], None]:
    def validate(args: sdk.ResourceValidationArgs, report: sdk.ReportViolation) -> None:
        for message in policy.problems(_resource(args), args.get_config()):
            report(message, None)

    return validate


def _stack(policy: StackPolicy) -> Callable[[sdk.StackValidationArgs, sdk.ReportViolation], None]:
    def validate(args: sdk.StackValidationArgs, report: sdk.ReportViolation) -> None:
        for violation in policy.problems([_resource(one) for one in args.resources], args.get_config()):
            report(violation.message, violation.urn or None)

    return validate


def _resource(shown: sdk.ResourceValidationArgs | sdk.PolicyResource) -> Resource:
    return Resource(
        urn=shown.urn,
        type=shown.resource_type,
        properties=shown.props,
        provider=shown.provider.name if shown.provider else "",
        protected=bool(shown.opts.protect),
    )
