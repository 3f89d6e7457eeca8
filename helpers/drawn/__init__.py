"""Images drawn with OpenCV: what the course uses where the real photos cannot be had.

Every function takes a seed, and the same seed gives the same bytes.
"""

from __future__ import annotations

from helpers.drawn.menagerie import OTHER_ANIMALS, PETS, animal, animals, pets
from helpers.drawn.wardrobe import GARMENT_NAMES, garments

__all__ = ["GARMENT_NAMES", "OTHER_ANIMALS", "PETS", "VERSION", "animal", "animals", "garments", "pets"]
VERSION = 1  # of the animals: counted up when what is drawn changes, so that pets drawn earlier are drawn anew
