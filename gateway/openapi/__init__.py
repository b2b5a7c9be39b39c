"""The OpenAPI 3.1 document of the REST contract, made from the protos and their comments."""

from gateway.openapi.document import document

__all__ = ["document"]
