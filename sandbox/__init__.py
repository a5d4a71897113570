"""Local Kubernetes clusters with real nodes, to try the mesh and to test it on."""
