"""The classes of a project: adding, changing, removing and bringing back."""

from __future__ import annotations

from training_core.base.arrays import UNLABELED
from training_core.base.progress import ReportProgress
from training_core.project.class_changes import with_class_added, with_class_changed, with_class_removed
from training_core.project.class_removal import RemovedClass, count_pixels, stage_removal, stage_return
from training_core.project.project_tiles import ProjectTiles
from training_core.project.records import TissueClass


class ProjectClasses(ProjectTiles):
    """The part of a `Project` that changes its classes."""

    def add_class(self, name: str, color: str | None = None, prompt: str = "") -> TissueClass:
        """Add a class; its id is one that no class ever had.

        Raises
        ------
        ProjectError
            The name is taken or empty, the colour is not "#rrggbb", or all 255 ids are used.
        """
        with self._store.update() as change:
            change.index = with_class_added(change.index, name, color, prompt)
            return change.index.classes[-1]

    def update_class(
        self,
        class_id: int,
        *,
        name: str | None = None,
        color: str | None = None,
        prompt: str | None = None,
        made_of_objects: bool | None = None,
    ) -> TissueClass:
        """Change what a class is called, its colour, its prompt or whether its areas are objects; its id stays.

        Raises
        ------
        ProjectError
            No such class, the name is taken or empty, or the colour is not "#rrggbb".
        """
        with self._store.update() as change:
            change.index, changed = with_class_changed(change.index, class_id, name, color, prompt, made_of_objects)
            return changed

    def class_pixels(self, class_id: int, progress: ReportProgress | None = None) -> dict[str, int]:
        """How many pixels are labelled as the class, by the names of the tiles that use it; their labels are read.

        Of a tile whose label is damaged it says 0.

        Raises
        ------
        ProjectError
            No such class.
        """
        return count_pixels(self.path, self._store.read(), class_id, progress)

    def remove_class(
        self, class_id: int, into: int | None = None, progress: ReportProgress | None = None
    ) -> RemovedClass:
        """Remove a class; the other classes keep their ids. Returns what `restore_class` needs to bring it back.

        All labels that can be read are changed, or none; `RemovedClass.damaged` names the others.

        Parameters
        ----------
        into
            What pixels that are labelled as it become: another class's id, or 255 for not labelled. Without it a
            class that labels use is not removed.

        Raises
        ------
        ProjectError
            No such class, the last one, or labels use it (their number is said) and `into` says nothing.
        StorageError
            The disk is full or not writable.
        """
        with self._store.update() as change:
            if into is None:
                with_class_removed(change.index, class_id)  # raises where a label uses it
            return stage_removal(change, self.path, class_id, UNLABELED if into is None else into, progress)

    def restore_class(self, removed: RemovedClass, progress: ReportProgress | None = None) -> tuple[str, ...]:
        """Bring a removed class back, with its id, its place and its pixels, where they are not labelled again since.

        Returns
        -------
        tuple of str
            Tiles whose labels are damaged: on them it does not come back.

        Raises
        ------
        ProjectError
            Its name is taken.
        StorageError
            The disk is full or not writable.
        """
        with self._store.update() as change:
            return stage_return(change, self.path, removed, progress)
