"""The roots of every error that this library raises on purpose.

An error is named after what was refused. It carries its fields for programs and one sentence for people: what,
against what, and what next. An error with values of its own stands where it is raised.

Its ``code`` is a literal in the body of its class, so that the class may be renamed and the code stays.
"""

import copy
import pickle
from collections.abc import Mapping
from functools import lru_cache
from inspect import Parameter, Signature, signature
from io import BytesIO
from types import FunctionType
from typing import ClassVar, Self, TypeVar

from typing_extensions import override

_E = TypeVar("_E", bound="TrialError")


class TrialError(Exception):
    """Anything that this library refuses; its text is one sentence.

    Every error can be pickled and copied, also one of a subclass of your own: it comes out of a process pool with the
    text, the fields and the notes that it had. It is put together again without calling its constructor. A field that
    cannot be pickled arrives as a text that names its type; the cause stays behind, as with every exception.
    """

    code: ClassVar[str] = "trial-error"
    """What was refused, for programs: kebab-case, stable from version to version, of this class alone. A subclass of
    your own that names none has the code of the class that it is derived from."""

    _given: dict[str, object]

    @override
    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.partition(".")[0] == __name__.partition(".")[0] and "code" not in vars(cls):
            raise TypeError(f"{cls.__qualname__} has no code of its own: write one into the body of the class")

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        """Keep what the constructor is given, before it runs, so that no constructor has to."""
        error = super().__new__(cls, *args)
        object.__setattr__(error, "_given", _named(cls.__init__, args, kwargs))
        return error

    @property
    def fields(self) -> Mapping[str, object]:
        """What the constructor was given, by the names of its parameters; empty where it took a sentence alone."""
        # What the constructor made of an argument is preferred: a tuple in the place of an iterator, empty by now.
        held = _state(self)
        self._given.update({name: held[name] for name in self._given if name in held})
        return dict(self._given)

    @override
    def __reduce__(self) -> tuple[object, ...]:
        return _blank, (type(self), *map(_portable, _arguments(self))), _portable_state(self), None, None, _filled

    def __copy__(self) -> Self:
        return _filled(_blank(type(self), *_arguments(self)), _state(self) | {"_given": dict(self._given)})

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        error = _blank(type(self), *(_deep(argument, memo) for argument in _arguments(self)))
        memo[id(self)] = error
        given = {name: _deep(value, memo) for name, value in self._given.items()}
        attributes = {name: _deep(value, memo) for name, value in _state(self).items() if name != "_given"}
        return _filled(error, {**attributes, "_given": given})


class InputInvalid(TrialError):
    """A text or a value from outside cannot be read; nothing was done with any of it."""

    code = "input-invalid"


class CommandRefused(TrialError):
    """A rule of conduct forbids what was asked; nothing was recorded."""

    code = "command-refused"


class Conflict(TrialError):
    """Something that a decision read has changed since; nothing was recorded, and the decision may be taken again."""

    code = "conflict"


class LogCorrupt(TrialError):
    """A log, or an entry of it, is not what this library wrote."""

    code = "log-corrupt"


class LogUnusable(TrialError):
    """A file cannot serve as a log; it was not touched."""

    code = "log-unusable"


def _named(constructor: object, args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, object]:
    """Give the arguments of a constructor by the names of its parameters."""
    if not isinstance(constructor, FunctionType):  # Exception's own, which takes a sentence
        return {}
    try:
        bound = _signature(constructor).bind(None, *args, **kwargs)
    except TypeError:  # as the constructor itself says in a moment, and better
        return {}
    bound.apply_defaults()
    given: dict[str, object] = {}
    for number, (name, parameter) in enumerate(bound.signature.parameters.items()):
        if parameter.kind is Parameter.VAR_KEYWORD:
            given |= bound.arguments[name]
        elif number and parameter.kind is not Parameter.VAR_POSITIONAL:
            given[name] = bound.arguments[name]
    return given


@lru_cache(maxsize=256)
def _signature(constructor: FunctionType) -> Signature:
    return signature(constructor)


def _blank(kind: type[_E], *args: object) -> _E:
    """Make an error without its constructor; what it is filled with stands in its state."""
    return super(TrialError, kind).__new__(kind, *args)


def _filled(error: _E, state: Mapping[str, object]) -> _E:
    """Give an error its attributes, those of slots and frozen classes included."""
    for name, value in state.items():
        object.__setattr__(error, name, value)
    return error


def _arguments(error: TrialError) -> tuple[object, ...]:
    """Give what ``BaseException`` needs to have the same text, or, of an ``OSError``, the same file."""
    match super(TrialError, error).__reduce__():
        case (kind, tuple() as args, *_) if kind is type(error):
            return args
        case _:
            return error.args


def _state(error: TrialError) -> dict[str, object]:
    """Give every attribute of an error, those in slots and its notes included."""
    match object.__getstate__(error):
        case (dict() as attributes, dict() as slots):
            return {**attributes, **slots}
        case dict() as attributes:
            return dict(attributes)
        case _:
            return {}


def _portable_state(error: TrialError) -> dict[str, object]:
    given = {name: _portable(value) for name, value in error.fields.items()}
    attributes = {name: _portable(value) for name, value in _state(error).items() if name != "_given"}
    return {**attributes, "_given": given}


class _Probe(pickle.Pickler):
    """Tries whether a value can be pickled; an error in it can, and may hold the value itself."""

    @override
    def persistent_id(self, obj: object) -> str | None:
        return "an error" if isinstance(obj, TrialError) else None


_PLAIN = (type(None), bool, int, str)


def _portable(value: object) -> object:
    """Give a value as it is, or a text in its place where it cannot be pickled: the refusal itself has to arrive."""
    if type(value) in _PLAIN:
        return value
    try:
        _Probe(BytesIO()).dump(value)
    except Exception:  # noqa: BLE001 - what the objects of others raise when they are pickled is not known
        return f"<{type(value).__qualname__} that cannot be pickled>"
    return value


def _deep(value: object, memo: dict[int, object]) -> object:
    """Copy a value and all in it, or share it where it cannot be copied."""
    try:
        return copy.deepcopy(value, memo)
    except Exception:  # noqa: BLE001 - what the objects of others raise when they are copied is not known
        return value
