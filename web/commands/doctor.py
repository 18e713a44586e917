"""`kscope doctor`: what stands in the way of a start."""

import json
import os
import sys
from dataclasses import asdict

import click

from web.doctor import examine


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="For machines: JSON on stdout.")
def command(as_json: bool) -> None:
    """Check settings, catalog, data, database and cluster, and say what to do."""
    # Only here: with it comes all that the fleet process needs.
    from web.fleet.process import open_cluster

    findings = list(examine(os.environ, open_cluster))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            click.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.what}: {finding.words}")
            if finding.advice:
                click.echo(f"      what to do: {finding.advice}")
    sys.exit(0 if all(finding.ok for finding in findings) else 1)
