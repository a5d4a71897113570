"""The Grafana dashboard for the mesh of clusters, as JSON: `make dashboard`."""

import sys
from dataclasses import dataclass
from itertools import count

from grafana_foundation_sdk.builders.common import VizLegendOptions
from grafana_foundation_sdk.builders.dashboard import Dashboard, DatasourceVariable, QueryVariable, Row
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.timeseries import Panel as Timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh, VariableSort

from mesh.observability.rules import GATEWAY_LISTENER
from mesh.observability.scrape import GATEWAY_JOB, ISTIOD_JOB

_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
_HERE = 'cluster=~"$cluster"'
_PANELS_IN_A_ROW = 3
_WIDTH = 24 // _PANELS_IN_A_ROW
_HEIGHT = 8


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One query, and how it is shown; `unit` is Grafana's name of it."""

    title: str
    query: str
    legend: str
    meaning: str
    unit: str = "short"
    decimals: float = 0


def _rate(counter: str, labels: str = "") -> str:
    """Per second; what has never been counted has no series, and is 0."""
    selected = f"{counter}{{{', '.join(filter(None, (_HERE, labels)))}}}"
    return (
        f"sum by (cluster) (rate({selected}[$__rate_interval])) "
        f'or sum by (cluster) (up{{job="{ISTIOD_JOB}", {_HERE}}} * 0)'
    )


def rows() -> dict[str, tuple[Panel, ...]]:
    """The panels of each row, by its title."""
    listener = GATEWAY_LISTENER.replace("{", f"{{{_HERE}, ")
    both = "{{cluster}} reads {{remote_cluster}}"
    status = f"istiod_remote_cluster_sync_status{{{_HERE}}}"
    waiting = f'istiod_remote_cluster_sync_status{{{_HERE}, status=~"syncing|timeout"}}'
    # Istio 1.31 says `closed` of a cluster whose remote secret is new; all is 0 of one that was taken out.
    synced = (
        f"(1 - max by (cluster, remote_cluster) ({waiting})) "
        f"and on (cluster, remote_cluster) sum by (cluster, remote_cluster) ({status}) > 0"
    )
    return {
        "Discovery": (
            Panel(
                title="Remote clusters that are synced",
                query=synced,
                legend=both,
                meaning="1 where istiod has read the services of the remote cluster, else 0. Istio 1.29.0 to "
                "1.29.6 shows 0 for all of them.",
            ),
            Panel(
                title="Errors reading clusters",
                query="sum by (cluster, remote_cluster) "
                f"(rate(controller_sync_errors_total{{{_HERE}}}[$__rate_interval])) "
                f"or sum by (cluster, remote_cluster) ({status} * 0)",
                legend=both,
                unit="reqps",
                decimals=2,
                meaning="Failed requests of istiod to API servers.",
            ),
            Panel(
                title="Services that istiod knows",
                query=f"max by (cluster) (pilot_services{{{_HERE}}})",
                legend="{{cluster}}",
                meaning="Those of all clusters that istiod reads, counted once by name.",
            ),
        ),
        "East-west gateways": (
            Panel(
                title="Gateway pods that are ready",
                query=f'sum by (cluster) (up{{job="{GATEWAY_JOB}", {_HERE}}}) '
                f'or sum by (cluster) (up{{job="{ISTIOD_JOB}", {_HERE}}} * 0)',
                legend="{{cluster}}",
                meaning="Those that Prometheus reaches.",
            ),
            Panel(
                title="Open connections from other networks",
                query=f"sum by (cluster) (envoy_listener_downstream_cx_active{listener})",
                legend="into {{cluster}}",
                meaning="On port 15443. One connection carries many calls.",
            ),
            Panel(
                title="Connections for a service that is not exposed",
                query=f"sum by (cluster) (rate(envoy_listener_no_filter_chain_match{listener}"
                "[$__rate_interval]))",
                legend="into {{cluster}}",
                unit="cps",
                decimals=2,
                meaning="The gateway knows no service of the name that a caller gave.",
            ),
        ),
        "Trust": (
            Panel(
                title="Root CA: days left",
                query=f"(min by (cluster) (citadel_server_root_cert_expiry_timestamp{{{_HERE}}}) - time()) "
                "/ 86400",
                legend="{{cluster}}",
                unit="d",
                meaning="Of the first root that istiod trusts.",
            ),
            Panel(
                title="Intermediate CA: days left",
                query=f"(min by (cluster) (citadel_server_cert_chain_expiry_timestamp{{{_HERE}}}) - time()) "
                "/ 86400",
                legend="{{cluster}}",
                unit="d",
                meaning="`pulumi up` renews it half a year before it expires, by default.",
            ),
            Panel(
                title="Certificate requests that are refused",
                query=_rate("citadel_server_authentication_failure_count"),
                legend="{{cluster}}",
                unit="reqps",
                decimals=2,
                meaning="The workload's token was not accepted.",
            ),
        ),
        "Configuration": (
            Panel(
                title="Proxies by version of Istio",
                query=f"sum by (cluster, version) (pilot_xds{{{_HERE}}})",
                legend="{{cluster}} {{version}}",
                meaning="Those that are connected to istiod.",
            ),
            Panel(
                title="Pushes",
                query=_rate("pilot_xds_pushes", 'type!~".+err"'),
                legend="{{cluster}}",
                unit="ops",
                decimals=2,
                meaning="Configuration that istiod sends to proxies.",
            ),
            Panel(
                title="Configuration that proxies reject",
                query="sum by (cluster) "
                f"(rate(envoy_listener_manager_lds_update_rejected{{{_HERE}}}[$__rate_interval]) "
                f"+ rate(envoy_cluster_manager_cds_update_rejected{{{_HERE}}}[$__rate_interval]))",
                legend="{{cluster}}",
                unit="ops",
                decimals=2,
                meaning="Most often an EnvoyFilter is wrong.",
            ),
        ),
    }


def dashboard() -> str:
    """The dashboard, as Grafana imports it."""
    builder = (
        Dashboard("Istio mesh of clusters")
        .uid("istio-mesh-of-clusters")
        .tags(["istio"])
        .readonly()
        .time("now-1h", "now")
        .refresh("30s")
        .with_variable(DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(
            QueryVariable("cluster")
            .label("Cluster")
            .datasource(_SOURCE)
            .query(f'label_values(up{{job="{ISTIOD_JOB}"}}, cluster)')
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(VariableSort.ALPHABETICAL_ASC)
            .multi(multi=True)
            .include_all(include_all=True)
        )
    )
    ids = count(1)
    for title, panels in rows().items():
        builder = builder.with_row(Row(title).id(next(ids)))
        for panel in panels:
            builder = builder.with_panel(_drawn(panel).id(next(ids)))
    return JSONEncoder(sort_keys=True, indent=2).encode(builder.build()) + "\n"


def _drawn(panel: Panel) -> Timeseries:
    return (
        Timeseries()
        .title(panel.title)
        .description(panel.meaning)
        .datasource(_SOURCE)
        .with_target(Dataquery().expr(panel.query).legend_format(panel.legend).ref_id("A"))
        .unit(panel.unit)
        .decimals(panel.decimals)
        .min(0)
        .fill_opacity(10)
        .legend(
            VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
        .height(_HEIGHT)
        .span(_WIDTH)
    )


if __name__ == "__main__":
    sys.stdout.write(dashboard())
