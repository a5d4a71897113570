"""Refuses an update that must not follow what is in the clusters now, before any resource is registered."""
