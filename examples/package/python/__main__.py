"""Two clusters and one mesh over them, in one program: docs/package.md."""

import pulumi
import pulumi_digitalocean as digitalocean  # pyright: ignore[reportMissingImports] - only this example needs it

from mesh.package import Mesh

VERSION = pulumi.Config().require("kubernetesVersion")
REGIONS = {"new-york": "nyc1", "amsterdam": "ams3"}

clusters = {
    name: digitalocean.KubernetesCluster(
        name,
        region=region,
        version=VERSION,
        node_pool={"name": "workers", "size": "s-4vcpu-8gb", "node_count": 3},
    )
    for name, region in REGIONS.items()
}
mesh = Mesh(
    "mesh",
    {
        "mesh": {"id": "shop"},
        "helloWorld": True,
        "clusters": {
            name: {"kubeconfig": cluster.kube_configs.apply(lambda found: found[0].raw_config)}
            for name, cluster in clusters.items()
        },
    },
)
pulumi.export("clusters", mesh.outputs["clusters"])
pulumi.export("rootFingerprint", mesh.outputs["rootFingerprint"])
