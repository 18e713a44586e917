"""Alembic's entry: runs on the connection that `Database.migrate` hands over."""

from alembic import context

from web.database import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite can do DDL in a transaction; a killed migration then leaves nothing half done.
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
