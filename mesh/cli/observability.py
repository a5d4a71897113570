"""`python -m mesh observability`: write what a Prometheus and a Grafana of the user's own need."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from mesh.cli import stack as stacks
from mesh.cli.output import CommandError
from mesh.observability.monitoring import dashboard
from mesh.observability.rules import rule_groups
from mesh.observability.scrape import lacking, scrape_configuration, several
from mesh.plan import cluster_plan


def observability(
    *,
    directory: Annotated[Path, typer.Option(metavar="FOLDER", help="Where to write the files.")],
    stack: Annotated[
        str | None, typer.Option(metavar="NAME", help="Stack to write for; by default the selected one.")
    ] = None,
) -> None:
    """Write Prometheus rules, scrape configuration and a Grafana dashboard.

    For clusters without the Prometheus Operator. Asks no cluster. Files that are there are written again.

    Exit code: 0, or 2 if the command could not run.
    """
    work = stacks.workspace()
    config = stacks.configuration(work, stacks.selected(work, stack))
    plans = {name: cluster_plan(config, name) for name in config.clusters}
    texts = {
        "rules.yaml": _yaml(
            rule_groups(
                {name: len(plan.remotes) for name, plan in plans.items()},
                lacking=frozenset[tuple[str, str]]().union(*(lacking(*plan) for plan in plans.items())),
                several=several(config.clusters.values()),
            )
        ),
        **{f"scrape-{name}.yaml": _yaml(scrape_configuration(name)) for name in config.clusters},
        "dashboard.json": dashboard(),
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (directory / name).write_text(text, encoding="utf-8")
            print(directory / name)
    except OSError as error:
        raise CommandError(f"cannot write to {directory}: {error.strerror}; expected a folder") from error


def _yaml(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=110)
