"""Many small pictures laid out as one."""

from __future__ import annotations

import numpy as np


def tiled(pictures: np.ndarray, columns: int, gap: int, empty: float) -> np.ndarray:
    """Pictures (N, height, width, ...) as one, float32, row by row.

    ``gap``: pixels between two. ``empty``: the value of the gaps, and of places left over in the last row. Shape
    (rows * (height + gap) - gap, columns * (width + gap) - gap, ...).
    """
    count, height, width, *colors = pictures.shape
    rows, height, width = -(-count // columns), height + gap, width + gap
    sheet = np.full((rows * columns, height, width, *colors), empty, np.float32)
    sheet[:count, : height - gap, : width - gap] = pictures
    sheet = sheet.reshape(rows, columns, height, width, *colors).swapaxes(1, 2)
    return sheet.reshape(rows * height, columns * width, *colors)[: rows * height - gap, : columns * width - gap]
