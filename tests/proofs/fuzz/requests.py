"""Requests for an RPC, made from its descriptor: plausible, odd, and wrong."""

import string
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

INT32 = st.integers(-(2**31), 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
ODD_INTEGERS = st.sampled_from([0, 1, -1, 2, 200, 201, 3650, 3651, 10_000, 10_001, 2**31 - 1, -(2**31)])
ODD_TEXTS = [
    *(
        "",
        " ",
        "\0",
        "\n",
        "\x7f",
        "\u202e",
        "\ufeff",
        "a\0b",
        "é",
        "𝕏" * 10,
        "%",
        "_",
        "%_%",
        "\\",
        "'",
        '"',
    ),
    *(
        "../../etc/passwd",
        "..%2f",
        "1; DROP TABLE accounts",
        "{{7*7}}",
        "=1+1",
        "@SUM(A1)",
        "null",
        "true",
        "0",
    ),
    *("-1", "1e999", "NaN", "a@b", "a@example.com", "A@EXAMPLE.COM", "x" * 255, "x" * 5000, "١٢٣", "１２３"),
    *(
        "active",
        "pending",
        "ACTIVE",
        "expired",
        "revoked",
        "admin",
        "user",
        "root",
        "0" * 32,
        "f" * 32,
        "g" * 32,
    ),
    *("00000000-0000-0000-0000-000000000000", "A" * 32, "AAAA", "=" * 8, "ok", "dead", "rate_limited"),
]


def texts(known: Sequence[str]) -> st.SearchStrategy[str]:
    """Ids that exist, well-known troublemakers, and anything else that UTF-8 can hold."""
    anything = st.text(st.characters(codec="utf-8"), max_size=300)
    words = st.text(string.ascii_letters + string.digits + "-_.@", max_size=64)
    strategies = [st.sampled_from(ODD_TEXTS), anything, words]
    return st.one_of(st.sampled_from(list(known)), *strategies) if known else st.one_of(*strategies)


def messages(descriptor: Descriptor, known: Mapping[str, Sequence[str]]) -> st.SearchStrategy[Message]:
    """Messages of the type. `known` maps a field's name to values of it that mean something in the stack."""
    factory = message_factory.GetMessageClass(descriptor)
    fields = {field.name: _values(field, known) for field in descriptor.fields}
    # Absent fields are as likely as present ones.
    present = st.fixed_dictionaries({}, optional=fields)
    return present.map(lambda chosen: _build(factory, chosen))


def json_bodies(descriptor: Descriptor, known: Mapping[str, Sequence[str]]) -> st.SearchStrategy[Any]:
    """JSON for the type: right, of wrong types, and no object at all."""
    scalars = st.one_of(st.none(), st.booleans(), INT64, st.floats(), texts(()))
    anything = st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(()), inner, max_size=3)
    )
    right = {field.name: _json_values(field, known) | anything for field in descriptor.fields}
    return st.fixed_dictionaries({}, optional=right) | anything


def _build(factory: type[Message], chosen: Mapping[str, Any]) -> Message:
    message = factory()
    for name, value in chosen.items():
        if isinstance(value, tuple):
            getattr(message, name).seconds, getattr(message, name).nanos = value
        elif isinstance(value, list):
            getattr(message, name).extend(value)
        else:
            setattr(message, name, value)
    return message


def _values(field: FieldDescriptor, known: Mapping[str, Sequence[str]]) -> st.SearchStrategy[Any]:
    single = _single_values(field, known)
    return st.lists(single, max_size=5) if field.is_repeated else single


def _single_values(field: FieldDescriptor, known: Mapping[str, Sequence[str]]) -> st.SearchStrategy[Any]:
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return texts(known.get(field.name, ()))
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    if field.cpp_type == FieldDescriptor.CPPTYPE_INT32:
        return st.one_of(ODD_INTEGERS, INT32)
    if field.cpp_type == FieldDescriptor.CPPTYPE_INT64:
        return st.one_of(ODD_INTEGERS, INT64)
    if field.message_type is not None and field.message_type.full_name == "google.protobuf.Timestamp":
        return st.tuples(INT64, INT32)
    if field.message_type is not None and field.is_repeated:
        return messages(field.message_type, known)
    raise TypeError(f"{field.full_name}: the fuzzer does not know this type yet")


def _json_values(field: FieldDescriptor, known: Mapping[str, Sequence[str]]) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return st.one_of(st.datetimes().map(lambda moment: moment.isoformat() + "Z"), texts(()))
    return _values(field, known)
