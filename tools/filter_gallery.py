"""Draw docs/filters.jpg, VGG16's patterns in notebook 08: ``python -m tools.filter_gallery`` in the environment.

Takes some three minutes on two CPU cores, and VGG16's weights.
"""

from __future__ import annotations

import cv2
import numpy as np

from helpers import bases, filters
from helpers.profile import ROOT

LAYERS = ("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1")
SIDE, TITLE, GAP = 64, 26, 14  # pixels


def grid(layer: str, pictures: np.ndarray) -> np.ndarray:
    """Pictures as they climbed, 8 in a row, under the layer's name: uint8 RGB."""
    sheet = np.round(255 * filters.tile(filters.deprocess(pictures))).astype(np.uint8)
    sheet = cv2.copyMakeBorder(sheet, TITLE, GAP, GAP // 2, GAP // 2, cv2.BORDER_CONSTANT, value=(255,) * 3)
    return cv2.putText(sheet, layer, (GAP // 2, TITLE - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1, cv2.LINE_AA)


def gallery(pictures: dict[str, np.ndarray]) -> np.ndarray:
    """The layers' grids, two in a row: uint8 RGB."""
    grids = [grid(layer, climbed) for layer, climbed in pictures.items()]
    rows = [np.concatenate(grids[first : first + 2], axis=1) for first in range(0, len(grids), 2)]
    return np.concatenate(rows)


if __name__ == "__main__":
    base = bases.vgg16(SIDE)
    climbed = {layer: filters.ascend(base.model, layer, preprocess=base.preprocess) for layer in LAYERS}
    cv2.imwrite(str(ROOT / "docs" / "filters.jpg"), gallery(climbed)[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 88))
