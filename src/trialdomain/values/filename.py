"""Why a path cannot be a file's, in words that are the same on every version of Python."""


def why_unusable(error: OSError | ValueError) -> str:
    """Give the reason of an error that opening, making or looking at a file raised.

    The operating system words its own errors. For a name that no file can have Python raises a ``ValueError``, and
    words it anew from version to version.
    """
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, UnicodeError):
        return "its name has characters that no file name can have"
    return "embedded null byte"
