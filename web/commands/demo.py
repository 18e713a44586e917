"""`kscope demo`: everything on this machine, to try the gateway out."""

import os
import sys

import click

from web import demo


@click.command("demo")
def command() -> None:
    """Start the gateway on local jobs and a simulated model, and show how to ask it."""
    sys.exit(demo.run(os.environ))
