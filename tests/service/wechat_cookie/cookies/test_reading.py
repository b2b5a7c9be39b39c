"""Reading cookies for the audit log."""

from sqlalchemy import update

from services.wechat_cookie.cookies.reading import ids_named
from services.wechat_cookie.cookies.tables import cookies
from tests.service.wechat_cookie.store import BOB, Store


def test_cookies_are_found_by_the_official_accounts_name_or_by_token(store: Store) -> None:
    first, second, other = store.save("1001"), store.save("1002", BOB), store.save("1003")
    with store.database.transaction() as connection:
        named = update(cookies).where(cookies.c.id.in_([first.id, second.id]))
        connection.execute(named.values(name="人民日报"))
    with store.database.reading() as connection:
        assert ids_named(connection, "人民日报") == [str(second.id), str(first.id)]
        assert ids_named(connection, "1003") == [str(other.id)]
        assert ids_named(connection, "人民") == []
