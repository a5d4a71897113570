"""Turns what was read from clusters into findings. Pure."""
