"""The command line: its parts, and the program itself in a terminal."""
