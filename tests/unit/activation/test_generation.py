"""The drawing of new codes: none of them reads as a number."""

import pytest

from services.activation.codes.generation import CODE_BYTES, ID_BYTES, draw

GOOD = bytes.fromhex("0123456789abcdef" * 2)


@pytest.mark.parametrize("number", ["1" * 32, "12e4" + "5" * 28, "1" * 31 + "e"])
def test_a_code_that_reads_as_a_number_is_drawn_again(number: str) -> None:
    bad = bytes.fromhex(number)
    id_ = bytes(ID_BYTES)
    answers = iter([id_ + GOOD + id_ + bad, bad, GOOD])
    sizes: list[int] = []

    def random_bytes(size: int) -> bytes:
        sizes.append(size)
        return next(answers)

    assert draw(2, random_bytes) == (id_ + GOOD) * 2
    assert sizes == [2 * (ID_BYTES + CODE_BYTES), CODE_BYTES, CODE_BYTES]


@pytest.mark.parametrize("code", ["e" + "1" * 31, "1e1e" + "1" * 28, "a" + "1" * 31])
def test_other_codes_stay_as_they_are_drawn(code: str) -> None:
    drawn = bytes(ID_BYTES) + bytes.fromhex(code)
    assert draw(1, lambda _: drawn) == drawn
