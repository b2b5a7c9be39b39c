"""`fastmp`, also as `python -m fastmp.cli`."""

from fastmp.cli.application import application


def main() -> None:
    """Runs the command that sys.argv names, and exits with its status."""
    application(prog_name="fastmp")


if __name__ == "__main__":
    main()
