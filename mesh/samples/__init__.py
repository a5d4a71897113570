"""Workloads that show the mesh at work."""
