"""Sums found in a sentence, worked out exactly and without `eval`."""

import ast
import operator
import re
from collections.abc import Callable
from fractions import Fraction

MAX_SUM_CHARS = 80  # also bounds the size of the numbers and the depth of the brackets

# Only where a sum is asked for: a date or a telephone number in a sentence is none.
_ASKED = re.compile(
    r"\b(?:what(?:'s| is)|how much is|calculate|compute|work out)\b|^[\d\s.,()+*/\u00d7\u00f7x=?-]+$", re.IGNORECASE
)
_SUM = re.compile(r"(?<![-(])[-(]*\d[\d\s.,()+*/\u00d7\u00f7x-]*\d\)*")
_SIGNS = str.maketrans("x\u00d7\u00f7", "**/")  # the letter, and the signs for times and divided by
_OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def solve(text: str) -> str | None:
    """`12 * 7 = 84` for the first sum in the text that has an operator, or None."""
    if not _ASKED.search(text):
        return None
    for match in _SUM.finditer(text):
        written = match[0].strip()
        if len(written) > MAX_SUM_CHARS:
            continue
        try:
            value = _value_of(ast.parse(_as_python(written), mode="eval").body)
        except ZeroDivisionError:
            return f"{written} has no value: that divides by zero."
        except (SyntaxError, ValueError):
            continue  # a telephone number, a date with leading zeros, a lone number
        return f"{written} = {_show(value)}."
    return None


def _as_python(written: str) -> str:
    without_thousands = re.sub(r"(?<=\d),(?=\d{3})", "", written)
    return without_thousands.translate(_SIGNS)


def _value_of(node: ast.expr) -> Fraction:
    if not isinstance(node, ast.BinOp):
        raise ValueError("a lone number is no sum")
    combine = _OPERATORS.get(type(node.op))
    if combine is None:
        raise ValueError("an operator that is not worked out here")
    return combine(_operand(node.left), _operand(node.right))


def _operand(node: ast.expr) -> Fraction:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_operand(node.operand)
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return Fraction(str(node.value))  # by way of text, so that 0.1 is a tenth
    return _value_of(node)


def _show(value: Fraction) -> str:
    if value.denominator == 1:
        return f"{value.numerator:,}" if abs(value) >= 10_000 else str(value.numerator)
    return f"{float(value):.10g}"
