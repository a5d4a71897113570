"""Reads clusters, and is the only package that does. It states facts and gives no verdict."""
