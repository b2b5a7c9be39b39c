"""Profiles: who is signed in at which server, and the access token, in files that only their owner can read."""

import json
import os
import re
import stat
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import typer

from fastmp.cli.failures import CommandError, UsageError
from fastmp.cli.private_file import write_private

DEFAULT = "default"
PRIVATE_FOLDER = 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# A name becomes a file's name.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Profile:
    """Somebody's account at one server. `token` is None after a logout."""

    server: str
    email: str
    token: str | None = field(repr=False)


class Profiles:
    """The profiles in one folder, one file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of_this_person(cls) -> Self:
        """Those in the platform's folder for settings."""
        return cls(Path(typer.get_app_dir("fastmp")) / "profiles")

    def names(self) -> list[str]:
        """The profiles there are."""
        return sorted(path.stem for path in self._folder.glob("*.json") if _NAME.fullmatch(path.stem))

    def load(self, name: str) -> Profile | None:
        """The profile; None when there is none.

        Raises UsageError for a name that cannot be one, CommandError when others could have read or written it.
        """
        path = self._path(name)
        try:
            with path.open(encoding="utf-8") as file:
                _refuse_if_open_to_others(path, os.fstat(file.fileno()))
                content = json.load(file)
                return Profile(**content)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise CommandError(f"{path} is damaged", f"Remove it and sign in again: rm {path}") from error

    def save(self, name: str, profile: Profile) -> None:
        """Writes the profile, whole or not at all, mode 0600 in a folder of mode 0700."""
        path = self._path(name)
        self._folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        self._folder.chmod(PRIVATE_FOLDER)
        write_private(path, json.dumps(asdict(profile)).encode())

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise UsageError("a profile's name is 1 to 64 letters, digits, '.', '_' or '-'")
        return self._folder / f"{name}.json"


def _refuse_if_open_to_others(path: Path, status: os.stat_result) -> None:
    # Elsewhere the mode does not say who may read a file.
    if os.name == "posix" and (status.st_mode & _OTHERS or status.st_uid != os.geteuid()):
        raise CommandError(
            f"{path} is open to others, so its access token is no secret",
            f"Sign in again after: rm {path}",
        )
