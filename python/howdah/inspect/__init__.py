"""Tables' classes, written from a schema that is there: `howdah inspect`."""
