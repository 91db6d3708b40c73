"""Queries as data, and what is done with them."""
