"""Every error that kernfit raises on purpose.

Each message is one line that says what was required, what was received and what to do.
"""


class KernfitError(Exception):
    """Base of all errors that kernfit raises on purpose."""


class InvalidInput(KernfitError, ValueError):
    """An argument does not fit what the function accepts."""


class ResultTooLarge(KernfitError, OverflowError):
    """A result does not fit its dtype, or an array would not fit in memory."""


class RefusedFile(KernfitError, OSError):
    """A file is missing, damaged, too large, or of a kind that is not read."""
