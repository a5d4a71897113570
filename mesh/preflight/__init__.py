"""Refuses, before any resource is registered, what must not follow what is in the clusters now."""
