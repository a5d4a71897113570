"""The section `reader`: the account with which other clusters read services."""

from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from mesh.config.sections.base import Section
from mesh.config.types import DnsName, Generation, ReaderRole, SecretKey, StackName


class PeersKubeconfigSection(Section):
    """Where the kubeconfig for the other clusters comes from: one place."""

    contents: SecretStr | None = Field(
        default=None,
        description="The kubeconfig itself. A text in place of this map means the same. Set it with "
        "`--secret`.",
        examples=["{secure: …}"],
    )
    file: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Path of a file with it, absolute or relative to the project's folder.",
        examples=["~/.kube/relay-west"],
    )
    environment: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="Environment variable that has it.", examples=["WEST_KUBECONFIG"]
    )
    context: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Context to use from contents, file or environment; other contexts are left out. "
        "Default: its current-context, and then istiod must accept everything in it.",
        examples=["west"],
    )
    stack: StackName | None = Field(
        default=None,
        description="Full name of a stack that has it as an output.",
        examples=["organization/relay/prod"],
    )
    output: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Name of that output: the text of a kubeconfig, or a map.",
        examples=["kubeconfig"],
    )
    secret: DnsName | None = Field(
        default=None,
        description="Secret in `istio-system` of every reading cluster that has it, and that something else "
        "writes, such as a relay's agent. istiod reads it from a folder (Istio 1.30 and later).",
        examples=["tbot-west"],
    )
    key: SecretKey | None = Field(
        default=None,
        description="Key in that Secret. Default: `kubeconfig.yaml`.",
        examples=["kubeconfig.yaml"],
    )

    @model_validator(mode="after")
    def _one_place(self) -> "PeersKubeconfigSection":
        places = ("contents", "file", "environment", "stack", "secret")
        if sum(getattr(self, place) is not None for place in places) != 1:
            raise ValueError(f"expected one of {', '.join(places)}, for example {{file: ~/.kube/relay-west}}")
        for name, of in (("output", "stack"), ("key", "secret")):
            if getattr(self, name) is not None and getattr(self, of) is None:
                raise ValueError(f"has {name} without {of}; expected both")
        if self.stack is not None and self.output is None:
            raise ValueError("has stack without output; expected both")
        if self.context is not None and (self.stack or self.secret):
            raise ValueError(
                "has context with stack or secret; expected contents, file or environment with it"
            )
        return self


def _kubeconfig(value: object) -> object:
    return {"contents": value} if isinstance(value, str | SecretStr) else value


class ReaderSection(Section):
    """The account by which the other clusters' control planes read this cluster's services."""

    token_generations: Annotated[tuple[Generation, ...], Field(min_length=1)] = Field(
        default=(1,),
        description="Tokens that exist. Remote secrets use the last one. To rotate, set [1, 2], then [2].",
        examples=["[1]"],
    )
    role: ReaderRole = Field(
        default=ReaderRole.CHART,
        description="Permissions of the account: `chart` is Istio's role, which can read every Secret in the "
        "cluster; `minimal` can read none (Istio 1.31.1 and later).",
        examples=["minimal"],
    )
    kubeconfig: Annotated[
        PeersKubeconfigSection | None,
        BeforeValidator(_kubeconfig, json_schema_input_type=SecretStr | PeersKubeconfigSection | None),
    ] = Field(
        default=None,
        description="Kubeconfig for the other clusters, instead of one with a generated token. For one "
        "cluster only. A text, which is set with `--secret`, or a map that says where it is.",
        examples=["{file: ~/.kube/relay-west}"],
    )
