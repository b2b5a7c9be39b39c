"""The calls that are repeated are those that the contract declares idempotent, no more and no fewer."""

from google.protobuf.descriptor_pb2 import MethodOptions

from fastmp.activation.v1 import activation_service_pb2
from fastmp.client.idempotent_calls import IDEMPOTENT
from fastmp.identity.v1 import identity_service_pb2
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2


def test_the_list_is_that_of_the_protos() -> None:
    declared = {
        service.full_name: {
            method.name
            for method in service.methods
            if method.GetOptions().idempotency_level != MethodOptions.IDEMPOTENCY_UNKNOWN
        }
        for module in (identity_service_pb2, activation_service_pb2, wechat_cookie_service_pb2)
        for service in module.DESCRIPTOR.services_by_name.values()
    }
    assert declared == IDEMPOTENT
