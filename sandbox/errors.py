"""What the sandbox raises when the user has to do something about it."""


class SandboxError(Exception):
    """One message that says what is wrong, where, and what to do; shown without a traceback."""
