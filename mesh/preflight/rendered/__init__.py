"""What the mesh needs in the manifests of Istio's charts, one file for each chart. Pure."""
