"""Migration 0006 on rows that older code wrote: one address, one key, also where two accounts already have it."""

from sqlalchemy import text

from services.chassis.postgres import migrations
from services.chassis.postgres.database import Database
from services.identity.composition import PACKAGE
from tests.support.postgres import FreshDatabase

INSERT = text("""
    INSERT INTO accounts (id, email, email_key, password_hash, role, activation_status, created_at, updated_at)
    VALUES (gen_random_uuid(), :email, :key, '!', 'user', 'pending', now() + :number * interval '1 second', now())
""")
# The e-mail, the key of older code, the key afterwards.
ROWS = [
    ("Only@XN--fsqu00a.example", "only@xn--fsqu00a.example", "only@例子.example"),
    ("u@例子.公司", "u@例子.公司", "u@例子.公司"),
    ("u2@例子。公司", "u2@例子。公司", "u2@例子.公司"),
    ("u3@BÜCHER.xn--fsqu00a.example", "u3@bücher.xn--fsqu00a.example", "u3@bücher.例子.example"),
    # Both were registered; the one with the key that is now that of both keeps the address.
    ("dup@xn--fsqu00a.xn--55qx5d", "dup@xn--fsqu00a.xn--55qx5d", "dup@xn--fsqu00a.xn--55qx5d"),
    ("dup@例子.公司", "dup@例子.公司", "dup@例子.公司"),
    # Of two that both lack it, the older one gets it.
    ("two@xn--fsqu00a.example", "two@xn--fsqu00a.example", "two@例子.example"),
    ("two@例子。example", "two@例子。example", "two@例子。example"),
    ("张三@example.com", "张三@example.com", "张三@example.com"),
    ("Plain@example.com", "plain@example.com", "plain@example.com"),
    ("odd@xn--a.example", "odd@xn--a.example", "odd@xn--a.example"),
]


def test_keys_change_once_and_two_accounts_of_one_address_both_stay(fresh_database: FreshDatabase) -> None:
    url = fresh_database("identity")
    migrations.downgrade(url, PACKAGE, "0005")
    database = Database(url, pool_size=1)
    with database.transaction() as connection:
        values = [
            {"email": email, "key": key, "number": number} for number, (email, key, _) in enumerate(ROWS)
        ]
        connection.execute(INSERT, values)
    for _ in range(2):
        migrations.upgrade(url, PACKAGE)
        with database.reading() as connection:
            found = connection.execute(text("SELECT email, email_key FROM accounts")).all()
        assert {(row.email, row.email_key) for row in found} == {(email, new) for email, _, new in ROWS}
        migrations.downgrade(url, PACKAGE, "0005")
    database.dispose()
