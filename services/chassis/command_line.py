"""Command line of a service, `python -m services.<name>`: serve, migrate, and the service's own commands."""

import argparse
import sys
from collections.abc import Callable, Mapping

from services.chassis.postgres import migrations
from services.chassis.settings import SettingsT, load

Command = Callable[[SettingsT], None]
# The name of the argument, and what is called with the argument.
CommandWithArgument = tuple[str, Callable[[SettingsT, str], None]]


def run(
    package: str,
    settings: type[SettingsT],
    database_url: Callable[[SettingsT], str],
    commands: Mapping[str, Command[SettingsT]],
    commands_with_argument: Mapping[str, CommandWithArgument[SettingsT]] | None = None,
) -> None:
    """Runs the command named on the command line, "serve" by default.

    `commands` holds "serve" and the service's own commands. "migrate" is added: it brings the database up to the
    newest revision or, with --sql, only prints the statements. An invalid setting ends the process with status 2.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {package}")
    names = parser.add_subparsers(dest="command", metavar="command")
    for name in commands:
        names.add_parser(name)
    for name, (argument, _) in (commands_with_argument or {}).items():
        names.add_parser(name).add_argument("argument", metavar=argument)
    migrate = names.add_parser("migrate")
    migrate.add_argument("--sql", action="store_true", help="print the SQL, change nothing")
    arguments = parser.parse_args()
    command = arguments.command or "serve"
    if command == "migrate" and arguments.sql:
        sys.stdout.write(migrations.offline_sql(package))
    elif command == "migrate":
        migrations.upgrade(database_url(load(settings)), package)
    elif command in commands:
        commands[command](load(settings))
    else:
        _, act = (commands_with_argument or {})[command]
        act(load(settings), arguments.argument)
