"""Requests become checked values, or a refusal that names the fields and repeats nothing of them."""

import uuid
from typing import Annotated

import pytest
from pydantic import Field

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.errors import InvalidArgumentError
from services.chassis.language import Localized
from services.chassis.validation import Id, Text, Values, parse


class ListUsers(Values):
    email: Annotated[Text, Field(max_length=20)] = ""
    role: str | None = None
    activation_status: str | None = None
    page: Annotated[int, Field(ge=1)] = 1
    size: Annotated[int, Field(ge=1, le=200)] = 50
    page_token: str | None = None


class UpdateUser(Values):
    user_id: Text
    expired_time: object = None


def violations(request: pb.ListUsersRequest) -> dict[str, Localized]:
    with pytest.raises(InvalidArgumentError) as refusal:
        parse(ListUsers, request)
    return {violation.field: violation.description for violation in refusal.value.violations}


def test_what_was_not_sent_is_the_default() -> None:
    assert parse(ListUsers, pb.ListUsersRequest()) == ListUsers(page=1, size=50)


def test_a_zero_that_was_sent_is_not_a_default() -> None:
    assert set(violations(pb.ListUsersRequest(page=0, size=201))) == {"page", "size"}


@pytest.mark.parametrize("character", ["\0", "\n", "\x7f", "\x9f"])
def test_control_characters_are_refused(character: str) -> None:
    assert set(violations(pb.ListUsersRequest(email=f"a{character}b"))) == {"email"}


def test_a_refusal_repeats_nothing_of_the_input() -> None:
    canary = "canary-canary-canary-canary"
    assert canary not in str(violations(pb.ListUsersRequest(email=canary)))


def test_a_time_out_of_range_is_bad_input_and_no_fault() -> None:
    request = pb.UpdateUserRequest(user_id="x")
    request.expired_time.seconds = 1 << 60
    with pytest.raises(InvalidArgumentError):
        parse(UpdateUser, request)


def test_a_time_keeps_its_zone() -> None:
    request = pb.UpdateUserRequest(user_id="x")
    request.expired_time.seconds = 1
    values = parse(UpdateUser, request)
    assert str(values.expired_time) == "1970-01-01 00:00:01+00:00"


class GetPrincipals(Values):
    account_ids: list[Text]


def test_a_repeated_field_is_a_list() -> None:
    values = parse(GetPrincipals, pb.GetPrincipalsRequest(account_ids=["a", "b"]))
    assert values.account_ids == ["a", "b"]
    assert parse(GetPrincipals, pb.GetPrincipalsRequest()).account_ids == []


class GetUser(Values):
    user_id: Id


ID = uuid.UUID("0b1f2e3d-4c5b-6a79-8897-a6b5c4d3e2f1")


@pytest.mark.parametrize("text", [str(ID), str(ID).upper()])
def test_an_id_is_a_uuid_in_the_usual_notation(text: str) -> None:
    assert parse(GetUser, pb.GetUserRequest(user_id=text)).user_id == ID


@pytest.mark.parametrize(
    "text",
    [
        "",
        ID.hex,
        f"{{{ID}}}",
        f"{{{ID.hex}}}--",
        "----" + ID.hex,
        "{{{{" + ID.hex,
        ID.urn,
        f"{ID}\n",
        f" {ID}"[:36],
    ],
)
def test_an_id_has_no_other_notation(text: str) -> None:
    with pytest.raises(InvalidArgumentError):
        parse(GetUser, pb.GetUserRequest(user_id=text))
