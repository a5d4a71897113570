"""Renders Istio's charts with the values that a cluster will get. It judges nothing."""
