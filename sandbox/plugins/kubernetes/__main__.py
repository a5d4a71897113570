"""`python -m sandbox.plugins.kubernetes`: the plugin's process."""

from sandbox.plugins.kubernetes.provider import KubernetesProvider
from sandbox.plugins.protocol import serve

serve(KubernetesProvider)
