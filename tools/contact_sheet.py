"""Draw docs/pets.jpg, the contact sheet in the README: ``python -m tools.contact_sheet`` in the environment."""

from __future__ import annotations

import cv2
import numpy as np

from helpers import drawn
from helpers.profile import ROOT

COLUMNS, EDGE, SEED = 8, 6, 2026
ROWS = (("cat",), ("cat",), ("dog",), ("dog",), tuple(drawn.OTHER_ANIMALS)[:8], tuple(drawn.OTHER_ANIMALS)[8:])


def contact_sheet() -> np.ndarray:
    """Two rows of cats, two of dogs, then one of each other animal: uint8 RGB."""
    rows = []
    for row, kinds in enumerate(ROWS):
        images = [drawn.animal(kinds[i % len(kinds)], SEED, row * COLUMNS + i)[0] for i in range(COLUMNS)]
        framed = [cv2.copyMakeBorder(i, EDGE, 0, EDGE, 0, cv2.BORDER_CONSTANT, value=(255,) * 3) for i in images]
        rows.append(np.concatenate(framed, axis=1))
    return np.concatenate(rows)


if __name__ == "__main__":
    cv2.imwrite(str(ROOT / "docs" / "pets.jpg"), contact_sheet()[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 82))
