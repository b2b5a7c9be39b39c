"""What `ask` and `loginauth` codes mean; no code but 1 is ever success."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.wechat_cookie.mp.statuses import ApprovalOutcome, ScanOutcome, approval_outcome, scan_outcome


@pytest.mark.parametrize(
    ("status", "acct_size", "binduin", "outcome"),
    [
        (0, 0, 0, ScanOutcome.NOT_SCANNED),
        (1, 1, 0, ScanOutcome.CONFIRMED),
        (2, 0, 0, ScanOutcome.CANCELLED),
        (3, 0, 0, ScanOutcome.EXPIRED),
        (4, 1, 0, ScanOutcome.SCANNED_CONFIRM),
        (4, 19, 0, ScanOutcome.SCANNED_CHOOSE),
        (4, 0, 0, ScanOutcome.SCANNED_NO_ACCOUNT),
        (6, 1, 0, ScanOutcome.SCANNED_CONFIRM),
        (6, 2, 0, ScanOutcome.SCANNED_CHOOSE),
        (6, 0, 0, ScanOutcome.SCANNED_NO_ACCOUNT),
        (5, 0, 3012345678, ScanOutcome.EMAIL_NOT_BOUND),
        (5, 0, 0, ScanOutcome.LOGIN_FAILED),
        (7, 1, 0, ScanOutcome.NOT_SCANNED),
        (-1, 1, 0, ScanOutcome.NOT_SCANNED),
    ],
)
def test_each_status_of_ask_has_its_meaning(
    status: int, acct_size: int, binduin: int, outcome: ScanOutcome
) -> None:
    assert scan_outcome(0, status, acct_size, binduin) is outcome


@given(ret=st.integers(), status=st.integers(), acct_size=st.integers(), binduin=st.integers())
def test_only_status_1_without_an_error_is_a_confirmation(
    ret: int, status: int, acct_size: int, binduin: int
) -> None:
    confirmed = scan_outcome(ret, status, acct_size, binduin) is ScanOutcome.CONFIRMED
    assert confirmed == (ret == 0 and status == 1)


@pytest.mark.parametrize("ret", [1, 200003, -7])
def test_an_error_code_of_ask_is_a_bad_session_whatever_the_status(ret: int) -> None:
    assert scan_outcome(ret, 1, 1, 0) is ScanOutcome.BAD_SESSION


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (0, ApprovalOutcome.WAITING),
        (1, ApprovalOutcome.APPROVED),
        (2, ApprovalOutcome.REFUSED),
        (3, ApprovalOutcome.TIMED_OUT),
        (4, ApprovalOutcome.WAITING),
        (5, ApprovalOutcome.FAILED),
        (-1, ApprovalOutcome.FAILED),
    ],
)
def test_each_status_of_loginauth_has_its_meaning(status: int, outcome: ApprovalOutcome) -> None:
    assert approval_outcome(0, status) is outcome


@given(ret=st.integers(), status=st.integers())
def test_only_status_1_without_an_error_is_an_approval(ret: int, status: int) -> None:
    assert (approval_outcome(ret, status) is ApprovalOutcome.APPROVED) == (ret == 0 and status == 1)
