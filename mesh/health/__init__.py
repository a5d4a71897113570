"""Decides what is wrong from what was read. Pure: no cluster is asked here."""
