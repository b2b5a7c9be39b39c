"""Checks the settings of every program of the stack before the first one is started."""

from collections.abc import Iterator, Mapping

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from deploy.local.environments import Environments
from deploy.local.errors import LocalStackError
from deploy.local.known_settings import SERVICE_SETTINGS
from deploy.local.topology import Replica
from gateway.settings import GatewaySettings
from services.chassis.settings import problems

# No variable's name begins with this prefix, so that only the values given are used.
NOT_THE_ENVIRONMENT = "\0"


def check_settings(environments: Environments) -> None:
    """Validates the environment of each program against its settings.

    Raises LocalStackError with a line for each bad setting, as the program itself would print it.
    """
    lines = list(dict.fromkeys(_refusals(environments)))
    if lines:
        raise LocalStackError("\n".join(lines))


def _refusals(environments: Environments) -> Iterator[str]:
    for service, settings in SERVICE_SETTINGS.items():
        environment = environments.service(Replica(service, 1))
        if service == "identity":
            given = environments.settings.admin_password
            environment["ADMIN_EMAIL"] = environments.settings.admin_email
            if given is not None:
                environment["ADMIN_PASSWORD"] = given.get_secret_value()
        if environments.wechat.ca_file != environments.settings.wechat_ca_file:
            # The file of the emulator, which writes it when it starts.
            environment.pop("WECHAT_CA_FILE", None)
        yield from refused(settings, environment)
    yield from refused(GatewaySettings, environments.gateway())


def refused(settings: type[BaseSettings], environment: Mapping[str, str]) -> list[str]:
    """Returns a line for each variable in `environment` that is invalid or missing."""
    ignore_empty = settings.model_config.get("env_ignore_empty", False)
    upper = {name.upper(): value for name, value in environment.items() if value or not ignore_empty}
    given = {name: upper[name.upper()] for name in settings.model_fields if name.upper() in upper}
    try:
        settings(_env_prefix=NOT_THE_ENVIRONMENT, **given)  # type: ignore[arg-type]
    except ValidationError as error:
        return problems(error)
    return []
