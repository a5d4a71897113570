"""The other stacks of the same mesh: the roots and the clusters that they look after."""

from collections.abc import Mapping
from typing import Any

import pulumi

from mesh.config.resolved import StackConfig
from mesh.discovery.remote_secret import Target
from mesh.stacks import contract as shared
from mesh.trust.root_ca import Authority

Said = Mapping[str, Any]


class OtherStacks:
    """What the other stacks said when they were last updated; each is read once."""

    def __init__(self, config: StackConfig, opts: pulumi.ResourceOptions) -> None:
        self._config = config
        names = dict.fromkeys((*filter(None, [config.trust.stack]), *config.peers.values()))
        self._said = {name: self._read(name, opts) for name in names}

    def root(self, generation: int) -> Authority:
        """A root that the stack of the trust has made."""
        stack = self._config.trust.stack or ""

        def root(said: Said | None) -> dict[str, str]:
            found = (said or {}).get("roots", {}).get(str(generation))
            if found is None:
                raise pulumi.RunError(
                    f"trust.stack: {stack} has no root of generation {generation}; expected it there first: "
                    "`trust.shared: true` in its configuration, then `pulumi up`"
                )
            return found

        found = self._said[stack].apply(root)
        return Authority(
            certificate_pem=pulumi.Output.unsecret(found["certificate"]),
            private_key_pem=pulumi.Output.secret(found["privateKey"]),
            expires=pulumi.Output.unsecret(found["expires"]),
        )

    def target(self, name: str) -> Target:
        """A cluster of another stack; there is no kubeconfig for it before that stack's first update."""
        stack = self._config.peers[name]

        def kubeconfigs(said: Said | None) -> dict[str, str]:
            found = (said or {}).get("clusters", {}).get(name)
            if found is None:
                pulumi.log.warn(
                    f"{stack} has no cluster {name} yet: nothing in this stack sees it. "
                    "Run `pulumi up` there, and then here again."
                )
                return {}
            return {name: found["kubeconfig"]}

        return Target(name=name, kubeconfigs=pulumi.Output.secret(self._said[stack].apply(kubeconfigs)))

    def _read(self, stack: str, opts: pulumi.ResourceOptions) -> pulumi.Output[Said | None]:
        def checked(said: Said | None) -> Said | None:
            for problem in shared.problems(self._config, stack, said) if said else ():
                raise pulumi.RunError(str(problem))
            return said

        return pulumi.StackReference(stack, opts=opts).get_output(shared.OUTPUT).apply(checked)
