"""Everything that does I/O, for asyncio: the source from which `_sync` is generated."""
