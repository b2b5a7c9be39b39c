"""The RPCs of the descriptor set that are mapped to REST, with their paths, access levels and fields."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    MethodOptions,
)

from fastmp.access.v1 import access_pb2

DESCRIPTOR_SET = Path(__file__).resolve().parent.parent / "gen" / "fastmp" / "descriptor_set.binpb"
HTTP_BODY = ".google.api.HttpBody"
_VARIABLE = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class Rpc:
    """One RPC that is mapped to REST."""

    # The name of the service's cluster and certificate, e.g. "wechat_cookie".
    service: str
    # The gRPC path, "/package.Service/Method".
    path: str
    verb: str
    # The REST path with {variables} of one segment each.
    template: str
    takes_body: bool
    access: access_pb2.Access.ValueType
    idempotency: "MethodOptions.IdempotencyLevel.ValueType"
    is_streaming: bool
    # Full names of the messages, with a leading dot.
    request: str
    response: str
    # The fields of the request that a query may carry; none when there is a body.
    query_fields: tuple[str, ...]

    @property
    def name(self) -> str:
        """The method's name alone, e.g. "GetMe"."""
        return self.path.rpartition("/")[2]

    @property
    def variables(self) -> tuple[str, ...]:
        """The request's fields that the path carries."""
        return tuple(_VARIABLE.findall(self.template))


@dataclass(frozen=True)
class Contract:
    """A parsed descriptor set. `rpcs` raises ValueError for an HTTP mapping that the gateway does not support."""

    files: FileDescriptorSet

    @classmethod
    def load(cls, path: Path = DESCRIPTOR_SET) -> "Contract":
        """Reads the descriptor set that protos/generate.py writes. Raises OSError if it cannot be read."""
        return cls(FileDescriptorSet.FromString(path.read_bytes()))

    @cached_property
    def rpcs(self) -> tuple[Rpc, ...]:
        """Every RPC with an HTTP mapping, in the order of the protos. SERVICE RPCs have none."""
        return tuple(rpc for file in self.files.file for rpc in self._rpcs_of(file))

    @cached_property
    def messages(self) -> Mapping[str, DescriptorProto]:
        """Every message by its full name, with a leading dot."""
        return {
            f".{file.package}.{message.name}": message
            for file in self.files.file
            for message in file.message_type
        }

    @property
    def grpc_services(self) -> tuple[str, ...]:
        """The full names of the gRPC services that own at least one of `rpcs`."""
        return tuple(dict.fromkeys(rpc.path.split("/")[1] for rpc in self.rpcs))

    @property
    def services(self) -> tuple[str, ...]:
        """The services behind the gateway, by the names of their clusters and certificates."""
        return tuple(dict.fromkeys(rpc.service for rpc in self.rpcs))

    def without_comments(self) -> bytes:
        """Returns the descriptor set, serialized, without the comments, which Envoy does not use."""
        bare = FileDescriptorSet()
        bare.CopyFrom(self.files)
        for file in bare.file:
            file.ClearField("source_code_info")
        return bare.SerializeToString(deterministic=True)

    def _rpcs_of(self, file: FileDescriptorProto) -> Iterator[Rpc]:
        for service in file.service:
            for method in service.method:
                if method.options.HasExtension(annotations_pb2.http):
                    yield self._rpc(f"/{file.package}.{service.name}/{method.name}", file.package, method)

    def _rpc(self, path: str, package: str, method: MethodDescriptorProto) -> Rpc:
        access = method.options.Extensions[access_pb2.access]
        if access in {access_pb2.SERVICE, access_pb2.ACCESS_UNSPECIFIED}:
            raise ValueError(f"{path}: an RPC of this access level has no place on REST")
        verb, template, takes_body = _mapping_of(path, method.options.Extensions[annotations_pb2.http])
        variables = tuple(_VARIABLE.findall(template))
        fields = [field.name for field in self.messages[method.input_type].field]
        query_fields = () if takes_body else tuple(name for name in fields if name not in variables)
        if variables and query_fields:
            # The transcoder lets a query parameter overrule the path's, so these routes take no query at all.
            raise ValueError(f"{path}: a path with variables and a query do not go together")
        return Rpc(
            service=package.split(".")[1],
            path=path,
            verb=verb,
            template=template,
            takes_body=takes_body,
            access=access,
            idempotency=method.options.idempotency_level,
            is_streaming=method.server_streaming,
            request=method.input_type,
            response=method.output_type,
            query_fields=query_fields,
        )


def _mapping_of(path: str, rule: http_pb2.HttpRule) -> tuple[str, str, bool]:
    verb = rule.WhichOneof("pattern") or ""
    template = getattr(rule, verb) if verb in {"get", "put", "post", "delete", "patch"} else ""
    is_plain = not any(character in _VARIABLE.sub("", template) for character in "{}*:")
    if rule.additional_bindings or rule.body not in {"", "*"} or not template or not is_plain:
        raise ValueError(f"{path}: the gateway knows one verb, plain variables, and the whole body or none")
    return verb.upper(), template, rule.body == "*"
