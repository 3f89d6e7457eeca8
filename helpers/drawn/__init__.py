"""Images drawn with OpenCV: what the course uses where the real photos cannot be had.

Every function takes a seed, and the same seed gives the same bytes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2

from helpers.drawn.menagerie import OTHER_ANIMALS, PETS, animal, animals, pets
from helpers.drawn.wardrobe import GARMENT_NAMES, garments

__all__ = ["GARMENT_NAMES", "OTHER_ANIMALS", "PETS", "animal", "animals", "fingerprint", "garments", "pets"]


def fingerprint() -> str:
    """Eight characters that change with the code that draws animals and with OpenCV: the name of a cache."""
    code = Path(__file__).with_name("menagerie.py").read_bytes()
    return hashlib.sha256(code + cv2.__version__.encode()).hexdigest()[:8]
