"""Expressions as data: conditions, computations and the tables they are about."""
