"""Which mutants of cosmic-ray are tried. Each exclusion drops what is no mutant, what changes nothing, or a copy."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

import attrs

KEPT: Mapping[str, Mapping[str, Sequence[str]]] = {
    "ReplaceComparisonOperator": {
        "Eq": ("NotEq", "LtE", "GtE"),
        "NotEq": ("Eq", "Lt", "Gt"),
        "Lt": ("LtE", "NotEq", "GtE"),
        "LtE": ("Lt", "Eq", "Gt"),
        "Gt": ("GtE", "NotEq", "LtE"),
        "GtE": ("Gt", "Eq", "Lt"),
        "Is": ("IsNot",),
        "IsNot": ("Is",),
    },
    "ReplaceBinaryOperator": {
        "Add": ("Sub",),
        "Sub": ("Add", "BitOr"),
        "Mul": ("Div", "Add"),
        "Div": ("Mul", "FloorDiv"),
        "FloorDiv": ("Div", "Mul"),
        "Mod": ("Mul",),
        "Pow": ("Mul",),
        "BitOr": ("BitAnd",),
        "BitAnd": ("BitOr",),
    },
    "ReplaceUnaryOperator": {"Delete": ("USub", "Not")},
}
"""The replacements that are tried; of the operators that are not named here, all are."""

_REPLACES = re.compile(r"core/(Replace(?:Comparison|Binary|Unary)Operator)_([A-Za-z]+)_([A-Za-z]+)")
_NEGATED_ALREADY = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is, ast.IsNot)
Place = tuple[int, int]
"""A line, from 1, and a column in characters, from 0: as cosmic-ray counts them."""


@attrs.frozen
class Mutation:
    """A place where an operator of cosmic-ray would change a module."""

    operator: str
    at: Place


def excluded(mutation: Mutation, source: "Source") -> str | None:
    """Say why a mutation is not tried, or that it is."""
    if (replaces := _REPLACES.fullmatch(mutation.operator)) is not None:
        family, before, after = replaces.groups()
        if after not in KEPT[family].get(before, ()):
            return "replacement"
        if family == "ReplaceBinaryOperator" and mutation.at not in source.calculations:
            return "no calculation"
    if mutation.at in source.negations and mutation.operator == "core/AddNot":
        return "copy"
    if mutation.operator == "core/RemoveDecorator" and mutation.at in source.equal_decorators:
        return "decorator"
    if mutation.operator.startswith("core/Replace") and mutation.at in source.options:
        return "option"
    return None


class Source:
    """The places of a module that decide whether a mutation there is tried."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        tree = ast.parse(text)
        annotated = {id(node) for root in _annotations(tree) for node in ast.walk(root)}
        nodes = [node for node in ast.walk(tree) if id(node) not in annotated]
        self.calculations = frozenset(place for node in nodes for place in self._operator_of(node))
        self.negations = frozenset(place for node in nodes for place in self._negated(node))
        self.equal_decorators = frozenset(place for node in nodes for place in self._decorators(node))
        self.options = frozenset(place for node in nodes for place in self._options(node))

    def _operator_of(self, node: ast.AST) -> Iterator[Place]:
        """Give each place between the operands of a calculation: its operator is at one of them."""
        if isinstance(node, ast.BinOp):
            line, column = self._end(node.left)
            last = (node.right.lineno, self._column(node.right))
            while (line, column) < last:
                yield line, column
                line, column = (line, column + 1) if column < len(self._lines[line - 1]) else (line + 1, 0)

    def _negated(self, node: ast.AST) -> Iterator[Place]:
        """Give the place of a condition whose first part has a mutant of its own that is its negation."""
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            first, start = node.test, (node.test.lineno, self._column(node.test))
            while isinstance(first, ast.BoolOp) and (first.values[0].lineno, self._column(first.values[0])) == start:
                first = first.values[0]
            negation = isinstance(first, ast.UnaryOp) and isinstance(first.op, ast.Not)
            compared = isinstance(first, ast.Compare) and isinstance(first.ops[0], _NEGATED_ALREADY)
            if negation or (compared and len(first.ops) == 1 if isinstance(first, ast.Compare) else False):
                yield start

    def _decorators(self, node: ast.AST) -> Iterator[Place]:
        """Give the place of a decorator without which every answer is the same, only slower or less checked."""
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if _name(decorator) in {"override", "cache", "lru_cache"}:
                    yield decorator.lineno, self._column(decorator) - 1

    def _options(self, node: ast.AST) -> Iterator[Place]:
        """Give the place of an option that only narrows how a class or function may be called."""
        decorators = node.decorator_list if isinstance(node, ast.ClassDef) else []
        for decorator in decorators:
            for keyword in decorator.keywords if isinstance(decorator, ast.Call) else []:
                if keyword.arg in {"kw_only", "slots", "repr", "order"}:
                    yield keyword.value.lineno, self._column(keyword.value)
        if isinstance(node, ast.Call) and _name(node) == "field":
            for keyword in node.keywords:
                if keyword.arg in {"kw_only", "repr"}:
                    yield keyword.value.lineno, self._column(keyword.value)
        if isinstance(node, ast.Call) and _name(node) == "zip":
            for keyword in node.keywords:
                if keyword.arg == "strict":
                    yield keyword.value.lineno, self._column(keyword.value)

    def _column(self, node: ast.expr) -> int:
        return len(self._lines[node.lineno - 1].encode()[: node.col_offset].decode())

    def _end(self, node: ast.expr) -> Place:
        line, column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return line, len(self._lines[line - 1].encode()[:column].decode())


def _annotations(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(annotation=annotation):
                yield annotation
            case ast.arg(annotation=annotation) if annotation is not None:
                yield annotation
            case ast.FunctionDef(returns=returns) if returns is not None:
                yield returns
            case _:
                pass


def _name(node: ast.expr) -> str:
    match node:
        case ast.Call(func=func):
            return _name(func)
        case ast.Attribute(attr=attr):
            return attr
        case ast.Name(id=name):
            return name
        case _:
            return ""
