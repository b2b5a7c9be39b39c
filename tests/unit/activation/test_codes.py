"""A code's status as it reads, and that it does not show itself."""

import datetime
import uuid

import pytest

from services.activation.codes.codes import Code

NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
SECOND = datetime.timedelta(seconds=1)


def code(status: str, expiry_date: datetime.datetime | None) -> Code:
    return Code(uuid.uuid4(), "c0de" * 8, 30, status, None, None, expiry_date, None, NOW, NOW)


@pytest.mark.parametrize(
    ("status", "expiry_date", "reads"),
    [
        ("pending", None, "pending"),
        ("active", NOW + SECOND, "active"),
        ("active", NOW, "expired"),
        ("active", NOW - SECOND, "expired"),
        ("active", None, "active"),
        ("revoked", NOW - SECOND, "revoked"),
        ("expired", NOW + SECOND, "expired"),
    ],
)
def test_only_an_active_code_expires(status: str, expiry_date: datetime.datetime | None, reads: str) -> None:
    assert code(status, expiry_date).status_at(NOW) == reads


def test_a_code_does_not_show_what_redeems_it() -> None:
    assert "c0de" not in repr(code("pending", None))
