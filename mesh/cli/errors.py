"""A user's mistake, or a world that does not let a command begin."""


class CommandError(Exception):
    """A command cannot be run; the message says what, where, and what to do about it."""
