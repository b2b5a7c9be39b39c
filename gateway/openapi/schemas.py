"""JSON schemas of the messages, as the gateway prints and reads them."""

from collections.abc import Mapping, Set

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

from gateway.openapi.constraints import Schema, constraints_of

TIMESTAMP = ".google.protobuf.Timestamp"
_SCALARS: Mapping[int, Schema] = {
    FieldDescriptorProto.TYPE_STRING: {"type": "string"},
    FieldDescriptorProto.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptorProto.TYPE_INT32: {"type": "integer", "format": "int32"},
    # Protobuf's JSON mapping writes 64-bit integers as strings, because many parsers read numbers as doubles.
    # The contract has no negative ones.
    FieldDescriptorProto.TYPE_INT64: {"type": "string", "format": "int64", "pattern": "^[0-9]{1,19}$"},
    FieldDescriptorProto.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
}


class Schemas:
    """Converts messages to component schemas and collects those that the document refers to."""

    def __init__(self, messages: Mapping[str, DescriptorProto], comments: Mapping[str, str]) -> None:
        self._messages = messages
        self._comments = comments
        self._owners: dict[str, str] = {}
        self.components: dict[str, Schema] = {}

    def reference(self, message: str) -> Schema:
        """Returns a $ref to the component of a message, given by its full name with a leading dot.

        Raises ValueError if another package has a message of the same name.
        """
        if message == TIMESTAMP:
            return {"type": "string", "format": "date-time"}
        name = message.rpartition(".")[2]
        if self._owners.setdefault(name, message) != message:
            raise ValueError(f"two messages are called {name}")
        if name not in self.components:
            # The entry is added first, because a message may contain itself.
            self.components[name] = {}
            self.components[name].update(self.inline(message))
        return {"$ref": f"#/components/schemas/{name}"}

    def inline(self, message: str, without: Set[str] = frozenset()) -> Schema:
        """Returns the schema of a message, written out, without the fields in `without`.

        Fields without presence are required: answers always contain them, and requests must.
        """
        fields = [field for field in self._messages[message].field if field.name not in without]
        schema: Schema = {
            "type": "object",
            "properties": {field.name: self.field(message, field) for field in fields},
        }
        required = [field.name for field in fields if not self.is_optional(field)]
        if required:
            schema["required"] = required
        if message in self._comments:
            schema["description"] = self._comments[message]
        return schema

    def body(self, message: str, without: Set[str]) -> Schema:
        """Returns the schema of a request's body, where null stands for a field that is left out."""
        schema = self.inline(message, without)
        # A list that is left out is empty.
        lists = {name for name, field in schema["properties"].items() if field.get("type") == "array"}
        required = [name for name in schema.pop("required", ()) if name not in lists]
        if required:
            schema["required"] = required
        for name, field in schema["properties"].items():
            if name not in schema.get("required", ()):
                field["type"] = [field["type"], "null"]
                if "enum" in field:
                    field["enum"] = [*field["enum"], None]
        return schema

    def fields(self, message: str) -> Mapping[str, FieldDescriptorProto]:
        """Returns the fields of a message by name."""
        return {field.name: field for field in self._messages[message].field}

    def field(self, message: str, field: FieldDescriptorProto) -> Schema:
        """Returns the schema of one field, with its comment as the description."""
        comment = self._comments.get(f"{message}.{field.name}", "")
        value = self._map_value(message, field)
        if value is not None:
            values = dict(_SCALARS[value.type])
            return {"type": "object", "additionalProperties": values, "description": comment}
        if field.type == FieldDescriptorProto.TYPE_MESSAGE:
            schema = dict(self.reference(field.type_name))
        else:
            # A new type of field needs an entry in _SCALARS.
            schema = dict(_SCALARS[field.type])
            schema.update(constraints_of(comment, schema["type"]))
        if field.label == FieldDescriptorProto.LABEL_REPEATED:
            schema = {"type": "array", "items": schema}
        return {**schema, "description": comment} if comment else schema

    def _map_value(self, message: str, field: FieldDescriptorProto) -> FieldDescriptorProto | None:
        """Returns the value field of a map, which Protobuf represents as a nested message; None for others."""
        for nested in self._messages[message].nested_type:
            if nested.options.map_entry and field.type_name == f"{message}.{nested.name}":
                return next(one for one in nested.field if one.name == "value")
        return None

    @staticmethod
    def is_optional(field: FieldDescriptorProto) -> bool:
        """Whether the field may be missing: it is declared optional, in a oneof, or a single message."""
        is_message = field.type == FieldDescriptorProto.TYPE_MESSAGE
        is_repeated = field.label == FieldDescriptorProto.LABEL_REPEATED
        return field.HasField("oneof_index") or (is_message and not is_repeated)
