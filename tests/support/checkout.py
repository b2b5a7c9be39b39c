"""Fresh copies of the checkout, as a newcomer has it."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_COPIED = (
    "var",
    "dist",
    "collector",
    ".*_cache",
    "__pycache__",
    ".venv",
    ".git",
    ".hypothesis",
    "results",
)


def copy_checkout(folder: Path) -> None:
    """Copies the files of the checkout, without what running it has made, into `folder`, which must not exist."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_COPIED))
