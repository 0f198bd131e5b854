"""How strongly images are distorted at random: what the augmentation kernels take as one argument."""

from __future__ import annotations

from typing import NamedTuple


class Distortion(NamedTuple):
    """The largest distortions of each kind; 0 is none. Which of them an image gets is drawn for each.

    shift     whole pixels, up or down and left or right
    rotate    degrees, either way
    scale     share by which height and width change, each by itself: a factor from 1 - scale to 1 + scale
    shear     degrees by which upright lines lean, either way
    elastic   pixels: the standard deviation of a smooth random displacement, along each axis
    flip      whether left and right change places in every other image
    cutout    pixels along the side of a square that is blotted out
    """

    shift: int
    rotate: float
    scale: float
    shear: float
    elastic: float
    flip: bool
    cutout: int


CELLS = 4  # of the grid that displacements are given on, along each axis of the image
NODES = CELLS + 3  # a cubic spline over so many cells has so many control points
# The mean over a cell of the sum of the four squared weights of a cubic B-spline is 2416/5040; so this is how far
# evenly distributed nodes must reach for displacements with a standard deviation of 1.
REACH = 3.0**0.5 / (2416 / 5040)

STREAM = 0xA0610000  # tells these random numbers from those of a model's layers
# Which of an image's random numbers is for what; a new use never changes the others' numbers.
SHIFT_X, SHIFT_Y, TURN, LEAN, WIDTH, HEIGHT, FLIP, CUT_X, CUT_Y = range(9)
NODE = 16  # the first of the nodes' displacements
DRAWS = NODE + 2 * NODES * NODES
