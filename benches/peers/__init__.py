"""Howdah beside its peers: the same data, one server, one run, turn by turn. Started by ``make bench``."""
