"""How long things take and what they cost: on real clusters beside the documented way, and the engine alone.

Each is a command:

    python -m benchmarks mesh     # the program and Istio's documented way, on clusters of the sandbox
    python -m benchmarks scale    # program and engine for many clusters, without API servers
    python -m benchmarks plot     # table and picture in docs/benchmarks, from the data of `mesh`
"""
