"""Why a chart gave no manifests."""


class ChartRefusedError(Exception):
    """The chart does not take the values: its schema, or one of its templates, says so in the message."""


class ChartMissingError(Exception):
    """The repository can be read, and has no such chart in that version."""


class ChartUnavailableError(Exception):
    """No chart can be rendered here: the repository or what renders charts cannot be had."""
