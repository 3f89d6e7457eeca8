"""How coarse, how varied and how colored pictures are, from their Fourier transform."""

from __future__ import annotations

import numpy as np


def measures(changes: np.ndarray) -> dict[str, np.ndarray]:
    """How coarse, how varied and how colored pictures are: three arrays of shape (N,).

    ``changes`` of shape (N, side, side, 3) is what the ascent has added to the start. It is seen
    through a Hann window and split into waves by a Fourier transform; the power of the three colors
    is added up. "wavelength": one over the power's mean frequency, in pixels. "waves": how many
    waves share the power, the exponential of its entropy. "colored": the share of the power that
    does not lie along gray, from 0 to 2/3 for pure red to 1.
    """
    side = changes.shape[1]
    window = np.hanning(side)[:, np.newaxis] * np.hanning(side)
    seen = changes * window[..., np.newaxis]
    power = (np.abs(np.fft.fft2(seen, axes=(1, 2))) ** 2).sum(-1)
    power /= power.sum((1, 2), keepdims=True)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    entropy = -(power * np.log(np.maximum(power, 1e-30))).sum((1, 2))
    off_gray = seen - seen.mean(-1, keepdims=True)
    return {
        "wavelength": 1 / (power * frequency).sum((1, 2)),
        "waves": np.exp(entropy),
        "colored": (off_gray**2).sum((1, 2, 3)) / (seen**2).sum((1, 2, 3)),
    }
