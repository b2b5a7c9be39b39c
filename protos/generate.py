"""Generates `gen/` from the protos; with `--check`, fails if the committed files differ.

The generator is the pinned grpcio-tools, so that every machine generates the same bytes. Besides the Python modules
it writes the descriptor set, with comments, from which the gateway's configuration is built.
"""

import argparse
import filecmp
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
GENERATED = ROOT / "gen"
DESCRIPTOR_SET = "fastmp/descriptor_set.binpb"
# Envoy turns google.rpc error details into JSON only if their types are in the descriptor set.
ERROR_DETAILS = ("google/rpc/status.proto", "google/rpc/error_details.proto")


def generate(target: Path) -> None:
    """Writes the contents of `gen/` into `target`, which must exist. Raises SystemExit if protoc fails."""
    googleapis = sysconfig.get_paths()["purelib"]
    protos = sorted(str(path.relative_to(ROOT / "protos")) for path in (ROOT / "protos").rglob("*.proto"))
    includes = [f"-I{ROOT / 'protos'}", f"-I{googleapis}", f"-I{Path(protoc.__file__).parent / '_proto'}"]
    # The plugins are given by path, since the virtual environment need not be on PATH.
    scripts = Path(sysconfig.get_paths()["scripts"])
    plugins = [f"--plugin={scripts / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    outputs = [f"--python_out={target}", f"--grpc_python_out={target}"]
    types = [f"--mypy_out=quiet:{target}", f"--mypy_grpc_out=quiet,generate_concrete_servicer_stubs:{target}"]
    _protoc([*includes, *plugins, *outputs, *types, *protos])
    descriptor_set = target / DESCRIPTOR_SET
    _protoc(
        [
            *includes,
            "--include_imports",
            "--include_source_info",
            f"--descriptor_set_out={descriptor_set}",
            *protos,
            *ERROR_DETAILS,
        ]
    )


def _protoc(arguments: list[str]) -> None:
    status = protoc.main(["protoc", *arguments])
    if status != 0:
        raise SystemExit(f"protoc ended with status {status}")


def _differences(left: Path, right: Path) -> list[str]:
    names = {
        str(path.relative_to(top))
        for top in (left, right)
        for path in top.rglob("*")
        if path.is_file() and path.suffix in {".py", ".pyi", ".binpb"}
    }
    return sorted(
        name
        for name in names
        if not (
            (left / name).is_file()
            and (right / name).is_file()
            and filecmp.cmp(left / name, right / name, False)
        )
    )


def main() -> int:
    """Runs the command and returns the exit status: 0 if gen/ is up to date afterwards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # Not the temporary folder itself, whose mode 0700 would be copied.
        fresh = Path(folder) / "gen"
        fresh.mkdir()
        generate(fresh)
        if not arguments.check:
            shutil.rmtree(GENERATED, ignore_errors=True)
            shutil.copytree(fresh, GENERATED)
            return 0
        stale = _differences(fresh, GENERATED)
    if stale:
        sys.stderr.write("gen/ differs from the protos, run `make protos`: " + ", ".join(stale) + "\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
