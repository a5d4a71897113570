"""The dashboard is what its program makes, and Grafana's own types read it."""

import json

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from docs.dashboard import dashboard as made
from docs.dashboard import rows
from mesh.observability.monitoring import dashboard


def test_the_dashboard_is_that_of_its_program() -> None:
    """After a change: `make dashboard`."""
    assert dashboard() == made()


def test_the_dashboard_is_one_of_grafanas() -> None:
    """Read into the library's types and written again, it is the same."""
    register_default_plugins()
    read = Dashboard.from_json(json.loads(dashboard()))
    assert json.loads(JSONEncoder().encode(read)) == json.loads(dashboard())
    panels = [panel for panel in read.panels or [] if isinstance(panel, Panel)]
    assert [panel.title for panel in panels] == [panel.title for row in rows().values() for panel in row]
    ids = [panel.id_val for panel in read.panels or []]
    assert len(set(ids)) == len(ids), "Grafana tells panels apart by their IDs"
