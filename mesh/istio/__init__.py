"""Istio's charts in one cluster."""
