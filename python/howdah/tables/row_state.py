"""Names of the attributes of an object in which howdah stores its own state."""

from __future__ import annotations

from typing import Final

# The values of all columns as the server has them; `save` compares with them. Only stored rows have it.
ORIGINAL: Final = "_loaded"
# The database that a stored row is in, by its servers and name.
DATABASE: Final = "_database"
# The keys that the row had by inserts that were rolled back.
ROLLED_BACK_KEYS: Final = "_rolled_back_keys"
# Selected values that belong to no column of the row, while a query needs them.
EXTRA_COLUMNS: Final = "_extra_columns"
