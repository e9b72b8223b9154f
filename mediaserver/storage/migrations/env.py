"""Alembic's way into a migration: on the connection, and in the transaction, of `storage.migrate`."""

from alembic import context

from mediaserver.storage.schema import metadata

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    version_table=attributes["version_table"],
    target_metadata=metadata,  # for its names of constraints
    transactional_ddl=True,  # SQLite too: Python's own transaction control is off
)
context.run_migrations()
