"""X.509 certificates and keys as a mesh uses them. Pure."""
