"""The entry point of `fastmp` and of `python -m fastmp.cli`."""

import sys

PACKAGES = ("typer", "rich", "requests", "qrcode", "sseclient")


def main() -> None:
    """Runs the command in sys.argv and exits with its status, 1 if a package of the extra `cli` is missing."""
    try:
        from fastmp.cli.application import application  # noqa: PLC0415 - its packages may be missing.
    except ModuleNotFoundError as error:
        if error.name not in PACKAGES:
            raise
        sys.exit(f"fastmp: the command line needs the package {error.name}: pip install 'fastmp-client[cli]'")
    application(prog_name="fastmp")


if __name__ == "__main__":
    main()
