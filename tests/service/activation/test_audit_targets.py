"""The audit log is filtered by an activation code or a batch's note as well as by an id."""

from functools import partial

from fastmp.activation.v1 import activation_service_pb2 as pb
from fastmp.audit.v1 import audit_pb2
from tests.service.activation.replicas import UNKNOWN_CODE, Replica
from tests.service.scripted_identity import Account


def entries(replica: Replica, admin: Account, target: str) -> list[tuple[str, str]]:
    """What the log has about the target: actions and ids."""
    request = audit_pb2.ListAuditLogRequest(target=target)
    items = replica.stub.ListAuditLog(request, metadata=admin.bearer).items
    return [(item.action, item.target) for item in items]


def test_a_code_finds_what_was_done_with_it(replica: Replica, admin: Account) -> None:
    code, other = (replica.new_code(admin) for _ in range(2))
    revoked = replica.revoke(admin, code)
    replica.revoke(admin, other)

    found = partial(entries, replica, admin)
    assert found(code) == [("code_revoked", revoked.id)]
    assert found(code.upper()) == found(revoked.id) == found(code)
    assert found(UNKNOWN_CODE) == []


def test_a_note_finds_what_was_done_with_its_batches(replica: Replica, admin: Account) -> None:
    made = [
        replica.stub.GenerateCodes(
            pb.GenerateCodesRequest(valid_days=30, count=1, note=note), metadata=admin.bearer
        )
        for note in ("spring sale", "spring sale", "summer sale")
    ]
    assert entries(replica, admin, "spring sale") == [
        ("codes_generated", made[1].batch_id),
        ("codes_generated", made[0].batch_id),
    ]
    assert entries(replica, admin, "spring") == []
