"""How things fare as the tables grow: on stacks whose databases are filled."""
