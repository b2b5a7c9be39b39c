"""The comments of the protos, by the full name of the element that they describe."""

import re
from collections.abc import Iterator, Mapping

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet

_SERVICE, _MESSAGE, _METHOD_OR_FIELD = 6, 4, 2


def comments_of(files: FileDescriptorSet) -> Mapping[str, str]:
    """Returns the leading comments of services, methods, messages and fields by their full names.

    A name is for example ".fastmp.identity.v1.Account.email". Paragraphs are kept; their lines are joined.
    """
    return {name: text for file in files.file for name, text in _comments_of(file)}


def _comments_of(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for location in file.source_code_info.location:
        if location.leading_comments:
            name = _name_of(file, list(location.path))
            if name:
                yield f".{file.package}.{name}", _paragraphs(location.leading_comments)


def _name_of(file: FileDescriptorProto, path: list[int]) -> str:
    """Returns the name of the element at a path of descriptor.proto's SourceCodeInfo; "" for other kinds."""
    if path[:1] == [_SERVICE]:
        service = file.service[path[1]]
        names = [method.name for method in service.method]
        return _member(service.name, names, path[2:])
    if path[:1] == [_MESSAGE]:
        message: DescriptorProto = file.message_type[path[1]]
        return _member(message.name, [field.name for field in message.field], path[2:])
    return ""


def _member(owner: str, names: list[str], rest: list[int]) -> str:
    if not rest:
        return owner
    is_member = len(rest) == 2 and rest[0] == _METHOD_OR_FIELD  # noqa: PLR2004 - a list's number and an index
    return f"{owner}.{names[rest[1]]}" if is_member else ""


def _paragraphs(text: str) -> str:
    joined = ""
    for line in text.split("\n"):
        # An indented line is an item of a list and keeps a line of its own.
        is_item = line.startswith("   ")
        joined += f"\n{line.strip()}\n" if is_item or not line.strip() else f"{line.strip()} "
    return re.sub(r"\n{3,}", "\n\n", re.sub(r" *\n", "\n", joined)).strip()
