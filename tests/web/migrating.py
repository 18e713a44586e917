"""Databases of older revisions."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from web.database import MIGRATIONS, Database


def upgrade(database: Database, revision: str) -> None:
    with database._writing_engine.begin() as connection:
        command.upgrade(_config(connection), revision)


def downgrade(database: Database, revision: str) -> None:
    with database._writing_engine.begin() as connection:
        command.downgrade(_config(connection), revision)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
