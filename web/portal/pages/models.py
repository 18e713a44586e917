"""Not yet."""

from flask import Blueprint

from web.portal.parts import Parts


def add(blueprint: Blueprint, parts: Parts) -> None:
    """Nothing so far."""
