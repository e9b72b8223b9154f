"""Revisions of the schema, for Alembic (see storage/migrate.py)."""
