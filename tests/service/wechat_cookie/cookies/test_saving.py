"""Saving what a login yielded: it replaces its predecessor, takes over nothing, and hides its values."""

import dataclasses
import datetime
import uuid

import pytest
from sqlalchemy import select, update

from services.wechat_cookie.cookies import cascade, saving
from services.wechat_cookie.cookies.errors import OwnedByAnotherAccountError, OwnerDeletedError
from services.wechat_cookie.cookies.tables import cookies
from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.mp.images import Image
from tests.service.wechat_cookie.store import ANN, BOB, JAR, JPEG, SECRET, Store


def test_a_new_cookie_lives_88_hours_and_becomes_current(store: Store) -> None:
    first = store.save("1001")
    second = store.save("1002")
    assert first.expire_time - first.created_time == datetime.timedelta(hours=88)
    assert second.is_current
    assert store.current() == "1002"
    assert store.tokens() == ["1002", "1001"]


def test_a_second_login_of_the_same_official_account_replaces_the_first(store: Store) -> None:
    first = store.save("1001", original_id="gh_0123456789ab")
    store.save("1002", original_id="gh_other")
    second = store.save("1003", original_id="gh_0123456789ab")
    assert second.id != first.id
    assert store.tokens() == ["1003", "1002"]
    assert store.current() == "1003"


def test_cookies_without_an_original_id_do_not_replace_one_another(store: Store) -> None:
    store.save("1001")
    store.save("1002")
    assert store.tokens() == ["1002", "1001"]


def test_the_same_token_of_the_same_owner_replaces(store: Store) -> None:
    first = store.save("1001", original_id="gh_a")
    second = store.save("1001", original_id="gh_b")
    assert store.tokens() == ["1001"]
    assert second.id != first.id


def test_the_same_official_account_may_be_logged_in_by_two_owners(store: Store) -> None:
    store.save("1001", ANN, "gh_a")
    store.save("1002", BOB, "gh_a")
    assert store.tokens(ANN) == ["1001"]
    assert store.tokens(BOB) == ["1002"]


def test_a_token_that_another_owner_has_takes_nothing_over(store: Store) -> None:
    anns = store.save("1001", ANN)
    store.save("2001", BOB, "gh_b")
    with store.database.transaction() as connection:
        with pytest.raises(OwnedByAnotherAccountError):
            saving.save(connection, store.vault, store.new("1001", BOB, "gh_b"))
        # The caller's transaction goes on, and what the save had begun is undone.
        connection.execute(update(cookies).where(cookies.c.token == "2001").values(name="kept"))
    assert store.tokens(ANN) == ["1001"]
    assert store.tokens(BOB) == ["2001"]
    assert store.current(BOB) == "2001"
    with store.database.reading() as connection:
        kept = connection.execute(select(cookies.c.id, cookies.c.name).order_by(cookies.c.token)).all()
    assert [row.name for row in kept] == ["", "kept"]
    assert kept[0].id == anns.id


def test_nothing_is_saved_for_an_owner_whose_account_was_deleted(store: Store) -> None:
    with store.database.transaction() as connection:
        cascade.delete_owner(connection, ANN, store.clock())
    with pytest.raises(OwnerDeletedError):
        store.save("1001", ANN)
    assert store.count(ANN) == 0
    store.save("2001", BOB)


@pytest.mark.parametrize("token", ["", "../x", "12 3", "１２３", "1" * 21, "-1", "1\n", "0x10"])
def test_the_database_itself_refuses_a_token_that_is_no_number(store: Store, token: str) -> None:
    with pytest.raises(Exception, match="cookies_token_is_a_number"):
        store.save(token)


def test_name_and_avatar_are_added_later(store: Store) -> None:
    saved = store.save("1001")
    with store.database.transaction() as connection:
        completed = saving.complete(
            connection, saved.id, "某公众号", "https://mmbiz.qlogo.cn/a", Image(JPEG, "image/jpeg")
        )
    assert completed == dataclasses.replace(
        saved, name="某公众号", avatar_url="https://mmbiz.qlogo.cn/a", avatar_type="image/jpeg"
    )


def test_what_wechat_did_not_tell_stays_as_it_is(store: Store) -> None:
    saved = store.save("1001")
    with store.database.transaction() as connection:
        saving.complete(connection, saved.id, "name", "https://a/b", Image(JPEG, "image/jpeg"))
        again = saving.complete(connection, saved.id, "", "", None)
    assert again is not None
    assert (again.name, again.avatar_url, again.avatar_type) == ("name", "https://a/b", "image/jpeg")


def test_an_over_long_name_is_cut(store: Store) -> None:
    saved = store.save("1001")
    with store.database.transaction() as connection:
        completed = saving.complete(connection, saved.id, "名" * 5000, "u" * 5000, None)
    assert completed is not None
    assert len(completed.name) == saving.MOST_NAME_LENGTH
    assert len(completed.avatar_url) == saving.MOST_AVATAR_URL_LENGTH


def test_a_cookie_that_is_gone_cannot_be_completed(store: Store) -> None:
    with store.database.transaction() as connection:
        assert saving.complete(connection, uuid.uuid4(), "name", "", None) is None


def test_the_values_are_encrypted_at_rest_and_show_in_no_repr(store: Store) -> None:
    saved = store.save("1001")
    with store.database.reading() as connection:
        jar = connection.execute(select(cookies.c.jar)).scalar_one()
    assert SECRET.encode() not in jar
    assert MpCookies.from_json(store.vault.decrypt(jar)) == JAR
    assert SECRET not in repr(store.new("1001"))
    assert "1001" not in repr(saved)
