"""The base classes of every error that this library raises on purpose.

The name of an error says what was refused. An error carries its fields for programs and one sentence for people: what,
against what, and what next. A subclass with fields of its own is defined in the module that raises it.

The ``code`` is a literal in the body of the class, so that it stays when the class is renamed.
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
    """The base class of all errors of this library; the text of each is one sentence.

    Every error can be pickled and copied, including errors of your own subclasses. It leaves a process pool with its
    text, its fields and its notes. Unpickling does not call the constructor. A field that cannot be pickled becomes a
    text that names its type. The cause is lost, as with every exception.
    """

    code: ClassVar[str] = "trial-error"
    """The code for programs, in kebab-case, stable between versions and unique to this class. Your own subclass that
    sets none has the code of its base class."""

    _given: dict[str, object]

    @override
    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.partition(".")[0] == __name__.partition(".")[0] and "code" not in vars(cls):
            raise TypeError(f"{cls.__qualname__} has no code of its own: write one into the body of the class")

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        """Store the constructor's arguments before it runs, so that no constructor has to store them."""
        error = super().__new__(cls, *args)
        object.__setattr__(error, "_given", _named(cls.__init__, args, kwargs))
        return error

    @property
    def fields(self) -> Mapping[str, object]:
        """The constructor's arguments by parameter name; empty for an error that takes only a sentence."""
        # An attribute of the same name is preferred: the constructor may have copied an iterator into a tuple.
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
    """An input text or value cannot be read; none of the input was used."""

    code = "input-invalid"


class CommandRefused(TrialError):
    """A rule of conduct forbids the command; nothing was recorded."""

    code = "command-refused"


class Conflict(TrialError):
    """The read set of a decision has changed; nothing was recorded, and the caller may try again."""

    code = "conflict"


class LogCorrupt(TrialError):
    """A log, or one of its entries, differs from what this library wrote."""

    code = "log-corrupt"


class LogUnusable(TrialError):
    """A file cannot serve as a log; it was not touched."""

    code = "log-unusable"


def _named(constructor: object, args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, object]:
    """Map the arguments of a constructor to its parameter names."""
    if not isinstance(constructor, FunctionType):  # the constructor of Exception, which takes a sentence
        return {}
    try:
        bound = _signature(constructor).bind(None, *args, **kwargs)
    except TypeError:  # the constructor then raises the same error, with a better message
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
    """Make an error without calling its constructor; ``_filled`` then sets its attributes."""
    return super(TrialError, kind).__new__(kind, *args)


def _filled(error: _E, state: Mapping[str, object]) -> _E:
    """Set the attributes of an error, including slots and attributes of frozen classes."""
    for name, value in state.items():
        object.__setattr__(error, name, value)
    return error


def _arguments(error: TrialError) -> tuple[object, ...]:
    """Return the arguments with which ``BaseException`` has the same text, or an ``OSError`` the same file."""
    match super(TrialError, error).__reduce__():
        case (kind, tuple() as args, *_) if kind is type(error):
            return args
        case _:
            return error.args


def _state(error: TrialError) -> dict[str, object]:
    """Return every attribute of an error, including slots and notes."""
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
    """Tests whether a value can be pickled.

    An error inside the value can always be pickled. It is not followed, since it may hold the value itself.
    """

    @override
    def persistent_id(self, obj: object) -> str | None:
        return "an error" if isinstance(obj, TrialError) else None


_PLAIN = (type(None), bool, int, str)


def _portable(value: object) -> object:
    """Return a value as it is, or a text where it cannot be pickled, so that the error itself always arrives."""
    if type(value) in _PLAIN:
        return value
    try:
        _Probe(BytesIO()).dump(value)
    except Exception:  # noqa: BLE001 - an object of another library may raise anything when it is pickled
        return f"<{type(value).__qualname__} that cannot be pickled>"
    return value


def _deep(value: object, memo: dict[int, object]) -> object:
    """Copy a value deeply, or share it where it cannot be copied."""
    try:
        return copy.deepcopy(value, memo)
    except Exception:  # noqa: BLE001 - an object of another library may raise anything when it is copied
        return value
