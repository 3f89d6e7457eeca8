"""The lessons' drawings: what cannot be photographed, such as a sliding window or a step downhill.

Each function returns a Matplotlib figure with an alternative text (``figure.alt``); the animation returns a picture.
What a drawing shows is computed from the arguments: a lesson passes its own image, kernel, layer or losses.
"""

from __future__ import annotations

from helpers.drawings.channels import channels
from helpers.drawings.connections import connections
from helpers.drawings.descent import descent, slope_at
from helpers.drawings.losses import losses
from helpers.drawings.patterns import strongest_crops
from helpers.drawings.places import window_places
from helpers.drawings.pyramid import pyramid
from helpers.drawings.reliability import reliability
from helpers.drawings.responses import kernels_before_and_after, responses, signed_maps
from helpers.drawings.sliding import gray_values, sliding_kernel, sliding_kernel_animated

__all__ = ["channels", "connections", "descent", "gray_values", "kernels_before_and_after", "pyramid", "responses"]
__all__ += ["signed_maps", "sliding_kernel", "sliding_kernel_animated", "slope_at", "strongest_crops", "window_places"]
__all__ += ["losses", "reliability"]
