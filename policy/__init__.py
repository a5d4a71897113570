"""What a reviewer may rely on: policies over the resources of a mesh, for Pulumi's engine to enforce.

The engine runs the pack beside a preview or an update (`--policy-pack policy`), or over a state
(`pulumi policy analyze`). It is no part of the program, and knows resources as the engine shows them.
"""
