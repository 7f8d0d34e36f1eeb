"""The files of a new protocol's own project, as ``trialdomain new-protocol`` writes them."""

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

FILES: Mapping[str, str] = MappingProxyType(
    {
        "README.md": "readme.txt",
        "pyproject.toml": "pyproject.toml",
        "protocol.toml": "protocol.toml",
        "stories/one-dlt-expands.story": "one-dlt-expands.story",
        "stories/what-is-a-dlt.story": "what-is-a-dlt.story",
        "tests/conftest.py": "conftest.txt",
        "tests/test_protocol.py": "test_protocol.txt",
    }
)
"""By the path in the project: the file of this package with its text."""
TRIAL = "MY-TRIAL-1"
"""The code of the trial in these files."""


def project_files(trial: str) -> dict[str, str]:
    """Return the text of each file of a project, by its path.

    Args:
        trial: the code of the trial.
    """
    here = files(__package__)
    texts = {path: here.joinpath(name).read_text(encoding="utf-8") for path, name in FILES.items()}
    name = trial.lower().replace("_", "-").replace(".", "-")
    return {path: text.replace(TRIAL, trial).replace(TRIAL.lower(), name) for path, text in texts.items()}
