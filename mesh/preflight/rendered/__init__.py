"""What the mesh stands on in the manifests of Istio's charts, one file a chart. Pure."""
