"""Profiles: the account, server and access token of a sign-in, in files that only their owner can read."""

import json
import os
import re
import stat
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import typer

from fastmp.cli import access_tokens
from fastmp.cli.failures import CommandError, NotSignedInError, UsageError
from fastmp.cli.private_file import write_private

DEFAULT = "default"
PRIVATE_FOLDER = 0o700
LONGEST_FILE = 65536
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# A profile's name is used as a file name.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Profile:
    """An account at one server. `token` is None after a logout."""

    server: str
    email: str
    token: str | None = field(repr=False)


class Profiles:
    """The profiles in one folder, one file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of_user(cls) -> Self:
        """Returns the profiles in the platform's folder for the user's settings."""
        return cls(Path(typer.get_app_dir("fastmp")) / "profiles")

    def names(self) -> list[str]:
        """Returns the names of the profiles, sorted."""
        return sorted(path.stem for path in self._folder.glob("*.json") if _NAME.fullmatch(path.stem))

    def load(self, name: str) -> Profile | None:
        """Returns the profile, or None if there is none.

        Raises UsageError if the name is invalid, and CommandError if the file cannot be read, is damaged, or is
        open to other users.
        """
        path = self._path(name)
        try:
            with path.open(encoding="utf-8") as file:
                _refuse_if_open_to_others(path, os.fstat(file.fileno()))
                profile = _profile(json.loads(file.read(LONGEST_FILE)))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CommandError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, TypeError, RecursionError, NotSignedInError) as error:
            raise CommandError(f"{path} is damaged", f"Remove it and sign in again: rm {path}") from error
        return profile

    def save(self, name: str, profile: Profile) -> None:
        """Writes the profile atomically, mode 0600, in a folder of mode 0700. Raises CommandError if it cannot."""
        path = self._path(name)
        try:
            self._folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            self._folder.chmod(PRIVATE_FOLDER)
        except OSError as error:
            raise CommandError(f"cannot write {self._folder}: {error.strerror}") from error
        write_private(path, json.dumps(asdict(profile)).encode())

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise UsageError("a profile's name is 1 to 64 letters, digits, '.', '_' or '-'")
        return self._folder / f"{name}.json"


def _profile(content: object) -> Profile:
    if not isinstance(content, dict):
        raise TypeError("no JSON object")
    server, email, token = (content.get(name) for name in ("server", "email", "token"))
    if not isinstance(server, str) or not isinstance(email, str) or not isinstance(token, str | None):
        raise TypeError("not the fields of a profile")
    return Profile(server, email, token if token is None else access_tokens.checked(token, "the token"))


def _refuse_if_open_to_others(path: Path, status: os.stat_result) -> None:
    # On other systems, the mode does not determine who may read a file.
    if os.name == "posix" and (status.st_mode & _OTHERS or status.st_uid != os.geteuid()):
        raise CommandError(
            f"{path} is open to others, so its access token is no secret",
            f"Sign in again after: rm {path}",
        )
