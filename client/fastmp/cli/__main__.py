"""The entry point of `fastmp` and of `python -m fastmp.cli`."""

from fastmp.cli.application import application


def main() -> None:
    """Runs the command in sys.argv and exits with its status."""
    application(prog_name="fastmp")


if __name__ == "__main__":
    main()
