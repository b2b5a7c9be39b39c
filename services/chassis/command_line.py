"""Command line of a service, `python -m services.<name>`: serve, migrate, and the service's own commands."""

import argparse
import sys
from collections.abc import Callable, Mapping

from services.chassis.postgres import migrations
from services.chassis.settings import SettingsT, load

Command = Callable[[SettingsT], None]


def run(
    package: str,
    settings: type[SettingsT],
    database_url: Callable[[SettingsT], str],
    commands: Mapping[str, Command[SettingsT]],
) -> None:
    """Runs the command named on the command line, "serve" by default.

    `commands` holds "serve" and the service's own commands. "migrate" is added: it brings the database up to the
    newest revision or, with --sql, only prints the statements. An invalid setting ends the process with status 2.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {package}")
    parser.add_argument("command", nargs="?", default="serve", choices=[*commands, "migrate"])
    parser.add_argument("--sql", action="store_true", help="migrate: print the SQL, change nothing")
    arguments = parser.parse_args()
    if arguments.command == "migrate" and arguments.sql:
        sys.stdout.write(migrations.offline_sql(package))
    elif arguments.command == "migrate":
        migrations.upgrade(database_url(load(settings)), package)
    else:
        commands[arguments.command](load(settings))
