"""The settings of the commands import-fastmp, beside those of their services."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.chassis.importing.source import SourceError, source_url


def _usable(url: SecretStr) -> SecretStr:
    try:
        source_url(url.get_secret_value())
    except SourceError as error:
        raise ValueError(str(error)) from None
    return url


class ImportSettings(BaseSettings):
    """Frozen. An empty variable counts as not set."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    # The database of the FastMP that is moved: postgresql://user:password@host/database, or sqlite:///file.
    import_url: Annotated[SecretStr, AfterValidator(_usable)]
    # The file in which Identity's import leaves what the other two need; see handover.py.
    import_handover_file: Path
    # The folder that the paths of that FastMP's cookies, static/cookies/<token>, begin in.
    import_files: Path | None = None

    @property
    def files(self) -> Path:
        """IMPORT_FILES; without it, the folder of the SQLite database, and for PostgreSQL the current one."""
        if self.import_files is not None:
            return self.import_files
        url = source_url(self.import_url.get_secret_value())
        is_file = url.get_backend_name() == "sqlite" and url.database
        return Path(url.database).parent if is_file and url.database else Path()
