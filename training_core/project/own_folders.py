"""The folders of a project whose files belong to it; nothing else is to be written there."""

from __future__ import annotations

from training_core.project.accepted import ACCEPTED_FOLDER
from training_core.project.journal import VERSIONS_FOLDER
from training_core.project.labels import LABELS_FOLDER
from training_core.project.merging import CONFLICTS_FOLDER
from training_core.project.migration import BACKUPS_FOLDER
from training_core.project.objects import OBJECTS_FOLDER
from training_core.project.presence import OPEN_FOLDER
from training_core.project.rejections import REJECTED_FOLDER
from training_core.project.runs import ROUNDS_FOLDER, RUNS_FOLDER
from training_core.project.thumbnails import CACHE_FOLDER

IMAGES_FOLDER = "images"
OWN_FOLDERS = (
    IMAGES_FOLDER,
    LABELS_FOLDER,
    ACCEPTED_FOLDER,
    REJECTED_FOLDER,
    OBJECTS_FOLDER,
    RUNS_FOLDER,
    ROUNDS_FOLDER,
    CACHE_FOLDER,
    BACKUPS_FOLDER,
    CONFLICTS_FOLDER,
    VERSIONS_FOLDER,
    OPEN_FOLDER,
    "truth",
)
