"""The project folder: images, classes, labels, splits, rounds and runs. Torch-free."""

from training_core.base.arrays import UNLABELED
from training_core.project.class_text import parse_classes, propose_classes
from training_core.project.classes import check_classes, default_classes, default_color, make_classes
from training_core.project.project import Project
from training_core.project.prompts import default_prompt, suggest_prompt
from training_core.project.records import LabelEdit, LabelSource, Round, Tile, TilePrediction, TileState, TissueClass

__all__ = [
    "UNLABELED",
    "LabelEdit",
    "LabelSource",
    "Project",
    "Round",
    "Tile",
    "TilePrediction",
    "TileState",
    "TissueClass",
    "check_classes",
    "default_classes",
    "default_color",
    "default_prompt",
    "make_classes",
    "parse_classes",
    "propose_classes",
    "suggest_prompt",
]
