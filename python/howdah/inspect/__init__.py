"""Writes table classes from the tables of a database: `howdah inspect`."""
