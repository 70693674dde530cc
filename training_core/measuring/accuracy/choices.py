"""What is chosen by name, habits of simulated annotators and arms, without an import that would slow the help."""

from __future__ import annotations

from typing import Literal, get_args

Habit = Literal["strokes", "long", "dots", "outlines", "object", "one-class"]
HABITS: tuple[Habit, ...] = get_args(Habit)
ABOUT: dict[Habit, str] = {
    "strokes": "four strokes a class, of about 120 px",
    "long": "one stroke a class, of about 480 px",
    "dots": "forty dots a class, 10 px wide",
    "outlines": "lines along both sides of the borders of up to four objects a class",
    "object": "one object of each class, filled to its border",
    "one-class": "four strokes of a single class, which changes from image to image",
}

Arm = Literal["labels", "unlabelled", "all"]
ARMS: tuple[Arm, ...] = get_args(Arm)
TITLES: dict[Arm, str] = {
    "labels": "labels alone",
    "unlabelled": "with the unlabelled images",
    "all": "all images labelled",
}
