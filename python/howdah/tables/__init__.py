"""Tables as classes: their columns, relations and declarations."""
