"""Stand-in for Pulumi's Python language host: runs a Python program for the engine."""
