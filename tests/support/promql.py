"""The names of the metrics in a PromQL expression."""

from collections.abc import Iterator

import promql_parser

# Those that Prometheus itself makes.
OF_PROMETHEUS = frozenset({"up", "ALERTS"})


def metric_names(expression: str) -> set[str]:
    """Returns the names of FastMP's and Envoy's metrics. Raises ValueError if the expression is not PromQL."""
    # Grafana replaces this one.
    parsed = promql_parser.parse(expression.replace("$__rate_interval", "5m"))
    return set(_names(parsed)) - OF_PROMETHEUS


def _names(node: promql_parser.Expr) -> Iterator[str]:
    match node:
        case promql_parser.VectorSelector():
            yield str(node.name)
        case promql_parser.MatrixSelector():
            yield from _names(node.vector_selector)
        case promql_parser.BinaryExpr():
            yield from _names(node.lhs)
            yield from _names(node.rhs)
        case promql_parser.Call():
            for argument in node.args:
                yield from _names(argument)
        case promql_parser.NumberLiteral() | promql_parser.StringLiteral():
            return
        case promql_parser.AggregateExpr() | promql_parser.ParenExpr():
            yield from _names(node.expr)
        case _:
            raise NotImplementedError(type(node).__name__)
