"""Writes Envoy's configuration: `python -m gateway.configure --output FILE`, settings by environment.

The files that FILE refers to are written beside it: the descriptor set, the pages, and the secret files, which name
the certificates. Envoy must find them at the same path, so a container mounts the folder at the path where it was
written. A bad setting ends the process with status 2.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import yaml

from gateway.contract import Contract
from gateway.envoy.bootstrap import bootstrap
from gateway.envoy.certificates import secret_file, secret_files
from gateway.pages.static import pages
from gateway.settings import Settings, load


def configure(output: Path, settings: Settings, contract: Contract) -> None:
    """Writes `output`, and the files it refers to into the same folder, which must exist.

    Each file is replaced atomically. Raises OSError if one cannot be written.
    """
    folder = output.absolute().parent
    descriptor_set = folder / "descriptor_set.binpb"
    _replace(descriptor_set, contract.without_comments())
    own = tuple(pages(contract))
    for page in own:
        _replace(folder / page.file_name, page.content)
    for name, secret in secret_files(settings.gateway).items():
        _replace(secret_file(folder, name), yaml.safe_dump(secret, sort_keys=False).encode())
    configuration = bootstrap(
        contract, settings, descriptor_set, {page.path: page.route(folder) for page in own}
    )
    # Written last, so that it never refers to a file that does not exist yet.
    # The dumper in C is much faster than the one in Python, and the start of the stack waits for it.
    text = yaml.dump(configuration, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=120)
    _replace(output, text.encode())


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # Nothing in it is secret, and in a container Envoy runs as a different user than this command.
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def main() -> int:
    """Runs the command and returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m gateway.configure", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    arguments = parser.parse_args()
    configure(arguments.output, load(), Contract.load())
    return 0


if __name__ == "__main__":
    sys.exit(main())
