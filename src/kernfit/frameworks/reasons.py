"""Why an operation sees the whole image: the same words for every framework."""

from kernfit.errors import InvalidInput

POOLED = "it pools all of it"
REDUCED = "it reduces all of it"
WEIGHED = "it weighs all of it"
NORMALISED = "it is normalised by statistics of all of it"
DENSE = "a dense layer sees all"
PRODUCT = "a product of two feature maps, as in attention"
ATTENTION = "attention"
PICKED = "it picks a row or column"
NUMBERED = "it picks places by number"
REPEATED = "rows or columns are repeated"
TURNED = "it turns rows or columns around"
SORTED = "it sorts all of it"
SOUGHT = "it looks where the image tells it to"
RECURRENT = "a recurrence goes over all of it"
TRANSFORMED = "a Fourier transform mixes all of it"

# Parts of names of operations that are never element-wise.
_NEVER = """
conv pool norm fft dft sort topk top_k cumsum cumprod cummax scan sample lstm gru rnn matmul gemm
bmm linear einsum fold col2im roll flip pad interpolate upsample resize softmax attention gather
scatter cdist mean median mode argmax argmin nonzero unique histogram deform roi nms kron
"""


# Of those, what slides a window: taken for element-wise, the answer is wrong.
_MOVING = "conv pool fold pad interpolate upsample resize"


def refuse_as_pointwise(op: str) -> None:
    """Refuse to take an operation for element-wise that is known to read its neighbours.

    Raises
    ------
    InvalidInput
        If it is one.
    """
    if any(part in op.lower() for part in _MOVING.split()):
        raise InvalidInput(
            f"pointwise must name operations on each place alone, got {op!r}, which reads its "
            "neighbours: leave it out"
        )


def never_pointwise(op: str) -> bool:
    """Say whether an operation of this name is known to read more than its own place."""
    lower = op.lower()
    return any(part in lower for part in _NEVER.split())
