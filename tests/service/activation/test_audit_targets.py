"""The audit log is filtered by an activation code as well as by its id."""

from fastmp.audit.v1 import audit_pb2
from tests.service.activation.replicas import UNKNOWN_CODE, Replica
from tests.service.activation.scripted_identity import Account


def test_a_code_finds_what_was_done_with_it(replica: Replica, admin: Account) -> None:
    code, other = (replica.new_code(admin) for _ in range(2))
    revoked = replica.revoke(admin, code)
    replica.revoke(admin, other)

    def entries(target: str) -> list[tuple[str, str]]:
        request = audit_pb2.ListAuditLogRequest(target=target)
        items = replica.stub.ListAuditLog(request, metadata=admin.bearer).items
        return [(item.action, item.target) for item in items]

    assert entries(code) == [("code_revoked", revoked.id)]
    assert entries(code.upper()) == entries(revoked.id) == entries(code)
    assert entries(UNKNOWN_CODE) == []
