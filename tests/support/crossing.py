"""What a test runs in another process: it stands here, where a spawned process can import it."""

from importlib import import_module

from error_examples import examples_of


def refuse(module: str, name: str, number: int) -> None:
    """Raise one of the examples of an error, made over there."""
    kind = getattr(import_module(module), name)
    raise examples_of(kind)[number][0]
