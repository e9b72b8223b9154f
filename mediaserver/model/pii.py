"""Values about a person that no log line, traceback or metric may show."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Pii(Generic[T]):
    """Wraps a value about a person; only `reveal` gives it back.

    Formatting, `repr` and `str` give a placeholder, so a forgotten f-string or a dataclass in a log
    line shows nothing. Compares and hashes by the wrapped value.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The wrapped value; call it only where it goes to the person or the record."""
        return self._value

    def __repr__(self) -> str:
        return "Pii(..)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "Pii(..)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pii) and bool(self._value == other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)


def fault(error: BaseException) -> str:
    """An exception for a log line: its type and where it was raised, never its text, which may quote
    what a person or their browser sent.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    code = trace.tb_frame.f_code
    file = code.co_filename.rsplit("/", 1)[-1]
    return f"{type(error).__name__} in {code.co_qualname} ({file}:{trace.tb_lineno})"
