"""Arrays as pictures inside a page: one grey scale for images, one signed scale for residuals."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np

from kernfit.arrays import Array
from kernfit.plots import SIGNED
from kernfit.report.views import View, Views

_GREY = 148  # of pixels that have no level
_FEW = 0.001  # of the pixels may be brighter than white, and as many darker than black
_NOTHING = 255  # the palette's entry for pixels without a residual


@dataclass(frozen=True)
class Scale:
    """How levels become grey, and residuals colours.

    Attributes
    ----------
    low, high : float
        Black and white.
    limit : float
        The residual that has the strongest colour.
    """

    low: float
    high: float
    limit: float


def scale_for(views: Views, *, levels: tuple[float, float] | None) -> Scale:
    """Return one scale for all pictures.

    Parameters
    ----------
    views : Views
    levels : (low, high) or None
        Of 8-bit images; others are shown between what nearly all of their pixels hold.
    """
    if levels is None:
        parts = [views.overview, *(spot.view for spot in views.spots)]
        values = np.concatenate([np.ravel(p) for v in parts for p in (v.before, v.after)])
        values = values[np.isfinite(values)]
        # A single hot pixel must not leave the rest in the dark.
        low, high = np.quantile(values, (_FEW, 1 - _FEW)) if values.size else (0.0, 1.0)
        levels = (float(low), float(high))
    high = levels[1] if levels[1] > levels[0] else levels[0] + 1
    return Scale(levels[0], high, float(views.edges[-1]))


def picture(planes: Array, scale: Scale, *, exact: bool) -> str:
    """Return an image as the address of an <img>.

    Parameters
    ----------
    planes : ndarray, shape (channels, h, w)
        Three channels are shown in colour, else the first. NaN is see-through.
    scale : Scale
    exact : bool
        Whether every pixel matters (PNG), or it may be smaller (JPEG).
    """
    from PIL import Image

    shown = planes if len(planes) == 3 else planes[:1]
    missing = ~np.isfinite(shown).all(axis=0)
    levels = (np.where(missing, scale.low, shown) - scale.low) / (scale.high - scale.low)
    bytes_ = np.rint(255 * np.clip(levels, 0, 1)).astype(np.uint8)
    if not exact:  # JPEG has no see-through pixels
        bytes_[:, missing] = _GREY
    elif missing.any():
        opaque = np.where(missing, 0, 255).astype(np.uint8)
        bytes_ = np.concatenate([bytes_, opaque[np.newaxis]])
    samples = np.moveaxis(bytes_, 0, -1)
    image = Image.fromarray(samples[..., 0] if samples.shape[-1] == 1 else samples)
    if exact:
        return _address(image, "PNG", optimize=True)
    return _address(image, "JPEG", quality=85)


def residual_picture(residual: Array, scale: Scale) -> str:
    """Return a residual as the address of an <img>: zero is white, what did not count see-through.

    Parameters
    ----------
    residual : ndarray, shape (h, w)
    scale : Scale
    """
    from PIL import Image

    half = (_NOTHING - 1) // 2
    places = half + half * np.clip(residual / scale.limit, -1, 1)
    index = np.where(np.isfinite(residual), places, _NOTHING)
    image = Image.fromarray(np.rint(index).astype(np.uint8))
    image.putpalette([*_palette().ravel().tolist(), _GREY, _GREY, _GREY])
    return _address(image, "PNG", optimize=True, transparency=_NOTHING)


def gradient() -> str:
    """Return the colours of residuals as stops of a CSS gradient, negative first."""
    colours = _palette()[:: (_NOTHING - 1) // 10]
    return ", ".join(f"rgb({r},{g},{b})" for r, g, b in colours.tolist())


def view_pictures(view: View, scale: Scale, *, exact: bool) -> dict[str, str]:
    """Return the addresses of all four pictures by name."""
    return {
        "before": picture(view.before, scale, exact=exact),
        "after": picture(view.after, scale, exact=exact),
        "predicted": picture(view.predicted, scale, exact=exact),
        "residual": residual_picture(view.residual, scale),
    }


def _palette() -> Array:
    from matplotlib import colormaps

    colours = colormaps[SIGNED](np.linspace(0, 1, _NOTHING))[:, :3]
    whole: Array = np.rint(255 * colours).astype(np.uint8)
    return whole


def _address(image: object, kind: str, **options: object) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[attr-defined]
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/{kind.lower()};base64,{text}"
