"""Adding, changing and removing classes of an index. Ids are never changed and never given out again."""

from __future__ import annotations

from dataclasses import replace

from training_core.base.errors import ProjectError
from training_core.project.classes import check_classes, default_color
from training_core.project.index import Index
from training_core.project.prompts import default_prompt
from training_core.project.records import MAX_CLASS_ID, TissueClass


def with_class_added(index: Index, name: str, color: str | None, prompt: str) -> Index:
    """The index with one class more, the last of its classes.

    Raises
    ------
    ProjectError
        The name is taken or empty, the colour is not "#rrggbb", or all 255 ids are used.
    """
    if index.next_class_id > MAX_CLASS_ID:
        raise ProjectError("all 255 class ids have been used", "a free class id", "rename a class instead")
    chosen = color or default_color(name, [known.color for known in index.classes])
    added = TissueClass(index.next_class_id, name.strip(), chosen, prompt or default_prompt(name))
    return replace(index, classes=check_classes((*index.classes, added)), next_class_id=added.id + 1)


def with_class_changed(
    index: Index,
    class_id: int,
    name: str | None,
    color: str | None,
    prompt: str | None,
    made_of_objects: bool | None = None,
) -> tuple[Index, TissueClass]:
    """The index with other values for a class, and that class; None leaves a value as it is.

    Raises
    ------
    ProjectError
        No such class, the name is taken or empty, or the colour is not "#rrggbb".
    """
    old = class_of(index, class_id)
    changed = replace(
        old,
        name=old.name if name is None else name.strip(),
        color=old.color if color is None else color,
        prompt=old.prompt if prompt is None else prompt,
        made_of_objects=old.made_of_objects if made_of_objects is None else made_of_objects,
    )
    classes = check_classes([changed if known.id == class_id else known for known in index.classes])
    return replace(index, classes=classes), changed


def with_class_removed(index: Index, class_id: int) -> Index:
    """The index without a class that no label uses.

    Raises
    ------
    ProjectError
        No such class, the last one, or labels use it (their number is said).
    """
    removed = class_of(index, class_id)
    users = [name for name, status in index.labels.items() if class_id in status.class_ids]
    if users:
        tiles = "1 tile" if len(users) == 1 else f"{len(users)} tiles"
        given = f"class {removed.name} is annotated on {tiles} (first: {users[0]})"
        raise ProjectError(
            given, "a class without annotated pixels", "paint over these pixels first, or rename the class"
        )
    return replace(index, classes=check_classes([known for known in index.classes if known.id != class_id]))


def class_of(index: Index, class_id: int) -> TissueClass:
    """The class with this id.

    Raises
    ------
    ProjectError
        There is none.
    """
    for tissue_class in index.classes:
        if tissue_class.id == class_id:
            return tissue_class
    ids = ", ".join(f"{known.id} {known.name}" for known in index.classes)
    raise ProjectError(f"there is no class with the id {class_id}", f"one of {ids}", "choose one of these")
