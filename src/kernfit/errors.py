"""Every error that kernfit raises on purpose.

Each message is one line that says what was required, what was received and what to do.
"""


class KernfitError(Exception):
    """Base of all errors that kernfit raises on purpose.

    See Also
    --------
    InvalidInput, RefusedFile, ResultTooLarge : Its kinds.

    Examples
    --------
    >>> import kernfit
    >>> try:
    ...     kernfit.correlate2d([[1.0]], [[1.0]], mode="smae")
    ... except kernfit.KernfitError as error:
    ...     print(error)
    mode must be one of valid, same, full, got 'smae'
    """


class InvalidInput(KernfitError, ValueError):
    """An argument does not fit what the function accepts.

    See Also
    --------
    KernfitError : Base of all, with an example.
    """


class ResultTooLarge(KernfitError, OverflowError):
    """A result does not fit its dtype, or an array would not fit in memory.

    See Also
    --------
    KernfitError : Base of all, with an example.
    """


class RefusedFile(KernfitError, OSError):
    """A file is missing, damaged, too large, or of a kind that is not read.

    See Also
    --------
    KernfitError : Base of all, with an example.
    """
