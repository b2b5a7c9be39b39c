"""Activation codes, generated in the product's database by its own code."""

import datetime
import secrets
import uuid

from services.activation.codes.generation import Generation, generate
from services.chassis.postgres.database import Database

VALID_DAYS = 30


def make_codes(database_url: str, count: int) -> list[str]:
    """Generates `count` pending codes and returns them."""
    now = datetime.datetime.now(datetime.UTC)
    request = Generation(uuid.uuid4(), VALID_DAYS, count)
    database = Database(database_url, pool_size=1, application_name="bench-codes")
    try:
        with database.transaction() as connection:
            return [
                code.activation_code for code in generate(connection, request, now, secrets.token_bytes).codes
            ]
    finally:
        database.dispose()
