"""Draw docs/filters.jpg, VGG16's patterns in notebook 08: ``python -m tools.filter_gallery`` in the environment.

Takes some six minutes on two CPU cores, and VGG16's weights.
"""

from __future__ import annotations

import cv2
import numpy as np

from helpers import bases, filters
from helpers.profile import ROOT

# the layer, and how many pixels around the picture the objective leaves out: they climb, and are cut off
LAYERS = {"block1_conv1": 2, "block2_conv1": 4, "block3_conv1": 8, "block4_conv1": 16}
SIDE, TITLE, GAP = 64, 26, 14


def grid(base: bases.Base, layer: str, edge: int) -> np.ndarray:
    """64 filters of a layer, 8 x 8, under the layer's name: float RGB."""
    pictures = filters.ascend(base.model, layer, range(64), SIDE + 2 * edge, preprocess=base.preprocess)
    sheet = filters.tile(filters.deprocess(pictures[:, edge:-edge, edge:-edge]))
    sheet = cv2.copyMakeBorder(sheet, TITLE, GAP, GAP // 2, GAP // 2, cv2.BORDER_CONSTANT, value=(1, 1, 1))
    return cv2.putText(sheet, layer, (GAP // 2, TITLE - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1, cv2.LINE_AA)


def gallery() -> np.ndarray:
    """The four grids, two in a row: uint8 RGB."""
    grids = [grid(bases.vgg16(SIDE), layer, edge) for layer, edge in LAYERS.items()]
    rows = [np.concatenate(grids[first : first + 2], axis=1) for first in (0, 2)]
    return np.round(255 * np.concatenate(rows)).astype(np.uint8)


if __name__ == "__main__":
    cv2.imwrite(str(ROOT / "docs" / "filters.jpg"), gallery()[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 82))
