"""Kubeconfigs: reading, writing, and the one rule for what istiod accepts. Pure."""
