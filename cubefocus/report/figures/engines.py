"""How far the engine fft is from CASA on one observing set-up."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cubefocus.engines.validation import LIMITS, Comparison
from cubefocus.report.figures.style import (
    BLUE,
    IMAGES,
    PAGE,
    VERMILION,
    corner_text,
    letter,
    logarithmic,
    new_figure,
    styled,
)


@styled
def engines_figure(comparison: Comparison) -> Figure:
    """Both engines on the same sky, and their noise.

    Above: the channel in which they differ most, from CASA, from the engine fft, and the difference. Below: the
    difference in each channel, the rms of the noise in each channel, and its power spectrum in rings of the uv plane.
    Dotted lines are the limits that the engine is held to.
    """
    figure, axes = new_figure(2, 3, PAGE, 4.9)
    figure.suptitle(comparison.name)
    _images(figure, axes[0], comparison)
    _difference(axes[1, 0], comparison)
    _noise_rms(axes[1, 1], comparison)
    _noise_power(axes[1, 2], comparison)
    for i, axis in enumerate(axes.ravel()):
        letter(axis, i)
    return figure


def _images(figure: Figure, axes: np.ndarray, comparison: Comparison) -> None:
    planes = comparison.planes
    scale = float(np.nanmax(np.abs(planes["casa"]))) or 1.0
    low, high = float(np.nanmin(planes["casa"])) * 1e3, float(np.nanmax(planes["casa"])) * 1e3
    for axis, key, title in ((axes[0], "casa", "CASA"), (axes[1], "fft", "engine fft")):
        shown = axis.imshow(planes[key] * 1e3, cmap=IMAGES, vmin=low, vmax=high)
        axis.set_title(f"{title}, channel {int(planes['channel'])}")
    figure.colorbar(shown, ax=list(axes[:2]), label="mJy/beam", location="bottom", shrink=0.5, aspect=30, pad=0.02)
    rest = 100 * planes["difference"] / scale
    limit = float(np.nanmax(np.abs(rest))) or 1.0
    shown = axes[2].imshow(rest, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes[2].set_title("difference")
    figure.colorbar(shown, ax=axes[2], label="per cent of the peak", location="bottom", shrink=0.8, aspect=18, pad=0.02)
    for axis in axes:
        axis.set(xlabel="$x$ (px)", ylabel="$y$ (px)")


def _difference(axis: Axes, comparison: Comparison) -> None:
    table = comparison.channels
    axis.plot(table["channel"], 100 * table["rms_difference"], c=BLUE, label="rms, of the channel's rms")
    axis.plot(table["channel"], 100 * table["peak_difference"], c=VERMILION, ls="--", label="peak, of the cube's peak")
    axis.axhline(100 * LIMITS["rms_difference"], c="0.4", ls=":")
    axis.set(xlabel="channel", ylabel="difference (per cent)")
    axis.set_ylim(0, 1.6 * max(100 * LIMITS["rms_difference"], *axis.get_ylim()))
    axis.legend(loc="upper right")


def _noise_rms(axis: Axes, comparison: Comparison) -> None:
    table = comparison.channels
    theirs, ours = (np.asarray(table[name], dtype=float) * 1e3 for name in ("casa_noise", "fft_noise"))
    axis.plot(table["channel"], theirs, c=BLUE, marker="o", ls="", ms=2.5, label="CASA, one draw")
    axis.plot(table["channel"], ours, c=VERMILION, label="engine fft")
    for sign in (-1, 1):
        axis.axhline(theirs.mean() * (1 + sign * LIMITS["noise_rms"]), c="0.4", ls=":")
    spread = max(np.abs(np.concatenate([theirs, ours]) / theirs.mean() - 1).max(), LIMITS["noise_rms"])
    axis.set(xlabel="channel", ylabel="noise rms (mJy/beam)")
    axis.set_ylim(theirs.mean() * (1 - 1.4 * spread), theirs.mean() * (1 + 2.6 * spread))
    axis.legend(loc="upper right")


def _noise_power(axis: Axes, comparison: Comparison) -> None:
    table = comparison.rings[np.asarray(comparison.rings["sampled"], dtype=bool)]
    axis.plot(
        table["radius"], 1e6 * np.asarray(table["casa_power"], dtype=float), c=BLUE, marker="o", ls="", label="CASA"
    )
    axis.plot(table["radius"], 1e6 * np.asarray(table["fft_power"], dtype=float), c=VERMILION, label="engine fft")
    low, high = axis.get_ylim()
    axis.set_ylim(max(low, 1e-4 * high), 10 * high)  # room for the text above the points
    logarithmic(axis, "y")
    axis.set(xlabel=r"uv distance (k$\lambda$)", ylabel=r"noise power (mJy/beam)$^2$")
    axis.legend(loc="lower left")
    corner_text(axis, f"largest difference {100 * comparison.numbers['noise_power_worst']:.1f} %")
