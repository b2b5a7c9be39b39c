"""Activation codes as they are pasted: with blanks, marks and dashes around and inside them."""

import pytest

from fastmp.activation.v1 import activation_service_pb2 as pb
from services.activation.api.requests import CodeValues, UpdateCodeValues
from services.chassis.errors import InvalidArgumentError
from services.chassis.validation import parse

CODE = "0123456789abcdef" * 2
# Spaces, line breaks, zero-width and direction marks, dashes, the minus sign.
IGNORED = " \t\r\n\u00a0\u3000\u2028\u2029\u200b\u200d\u202e\u2060\ufeff\u00ad-\u2010\u2013\u2014\uff0d\u2212"


@pytest.mark.parametrize("character", IGNORED)
def test_blanks_marks_and_dashes_are_taken_out(character: str) -> None:
    pasted = character + CODE[:8] + character * 2 + CODE[8:].upper() + character
    assert parse(CodeValues, pb.ActivateRequest(activation_code=pasted)).activation_code == CODE
    assert parse(UpdateCodeValues, pb.UpdateCodeRequest(activation_code=pasted)).activation_code == CODE


@pytest.mark.parametrize(
    "pasted",
    ["", "-" * 32, CODE[:-1] + " ", CODE + "0", CODE[:-1] + "_", CODE.ljust(201)],
)
def test_what_else_is_no_code_is_refused(pasted: str) -> None:
    with pytest.raises(InvalidArgumentError):
        parse(CodeValues, pb.ActivateRequest(activation_code=pasted))


def test_200_characters_are_the_longest_that_is_read_as_a_code() -> None:
    assert parse(CodeValues, pb.ActivateRequest(activation_code=CODE.ljust(200))).activation_code == CODE
