"""A short campaign of hostile calls; `make fuzz` makes a long one."""

from deploy.local.stack import LocalStack
from tests.proofs.fuzz.campaign import campaign
from tests.whole_stack.people import People


def test_no_hostile_call_is_answered_with_a_fault_or_changes_anything_it_was_refused(
    stack: LocalStack, people: People
) -> None:
    with campaign(stack, people) as fuzz:
        fuzz.run(400, seed_number=20261122)
        assert fuzz.calls >= 400
        assert fuzz.outcomes["answered"] > 20
