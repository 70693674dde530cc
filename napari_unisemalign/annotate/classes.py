"""The classes: editing them, and choosing the one to paint with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari_unisemalign.actions.catalogue import PAINTING_KEYS
from napari_unisemalign.annotate.classes_view import ClassRow
from napari_unisemalign.annotate.contracts import ChipsSurface, ClassesSurface
from napari_unisemalign.app import availability
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.layer_values import LABELS, ROLE_KEY, class_of, layer_value
from napari_unisemalign.app.notify import guarded
from training_core.base.errors import ProjectError
from training_core.base.i18n import tr
from training_core.project import Project, TissueClass, default_prompt
from training_core.project.classes import background_ids, object_class_ids
from training_core.project.prompts import is_automatic
from training_core.settings.schema import Config

NO_CLASSES = tr("Open a project to see and edit its classes.")
KEY_HINT = tr("Keys 1 to 9 paint with a class, 0 erases. Double-click a name or prompt to change it.")
OWN_KEY_HINT = tr("The key beside a class paints with it. Double-click a name or prompt to change it.")

DEFAULTS = Config()


class ClassesController:
    """Keeps table, labels layer and project of one mind about the classes."""

    def __init__(self, context: Context, view: ClassesSurface, chips: ChipsSurface) -> None:
        self._context, self._session, self.reporter = context, context.session, context.reporter
        self._layers, self._view, self._chips = context.layers, view, chips
        self._keys: tuple[str, ...] = tuple(PAINTING_KEYS)
        view, session = self._view, self._session
        for choice in (view, chips):
            choice.class_chosen.connect(self.paint_with)
            choice.add_clicked.connect(self.add)
        chips.shown_toggled.connect(self.show_class)
        view.name_edited.connect(self._rename)
        view.prompt_edited.connect(lambda class_id, prompt: self._update(class_id, prompt=prompt))
        view.objects_toggled.connect(lambda class_id, on: self._update(class_id, made_of_objects=on))
        view.color_clicked.connect(self.choose_color)
        session.project_changed.connect(self._on_project)
        session.classes_changed.connect(self._refresh)
        session.outlined_changed.connect(self._refresh)
        session.class_changed.connect(self._on_class)
        session.training_changed.connect(self._refresh_available)
        session.settings_changed.connect(self._refresh_available)
        context.connections.listen(context.viewer.layers.events.inserted, self._on_layer)
        self._refresh()

    def set_keys(self, keys: Sequence[str]) -> None:
        """The keys that paint with the first, second, ... class as the user reads them; empty for none."""
        if tuple(keys) != self._keys:
            self._keys = tuple(keys)
            self._refresh()

    @guarded
    def paint_with(self, class_id: int) -> None:
        """Choose a class and get ready to paint with it."""
        self._session.set_class(class_id)
        labels = self._layers.labels
        if labels is not None:
            labels.selected_label = layer_value(class_id)
            keep = labels.mode if labels.mode in ("paint", "fill", "polygon") else "paint"
            self._layers.activate_labels(keep)

    def show_class(self, class_id: int, shown: bool) -> None:
        """Let predictions show a class, or hide it."""
        self._layers.hidden = self._layers.hidden - {class_id} if shown else self._layers.hidden | {class_id}
        self._refresh()

    @guarded
    def choose_color(self, class_id: int) -> None:
        """Ask for another color."""
        current = next(each.color for each in self._session.classes() if each.id == class_id)
        color = self._context.dialogs.color(current)
        if color is not None:
            self._update(class_id, color=color)

    @guarded
    def add(self) -> None:
        """Add a class and let its name be typed."""
        project = self._session.project
        if project is None:
            return
        names = {each.name.casefold() for each in project.classes}
        number = next(n for n in range(1, 257) if f"class {n}" not in names)
        added = self._session.model.add_class(f"class {number}")
        self._session.set_class(added.id)
        self._view.edit_name(added.id)

    def _rename(self, class_id: int, name: str) -> None:
        """The prompt that was made from the former name, by nobody's hand, makes way for what fits the new one."""
        old = next(each for each in self._session.classes() if each.id == class_id)
        made = {"prompt": ""} if is_automatic(old.prompt, old.name) else {}
        self._update(class_id, name=name, **made)

    @guarded
    def _update(self, class_id: int, **changes: Any) -> None:
        if self._session.project is not None:
            self._session.model.update_class(class_id, **changes)

    def _on_project(self, project: Project | None) -> None:
        # a predicted background over the whole tile would hide the tissue
        self._layers.hidden = background_ids(project.classes) if project is not None else frozenset()
        self._session.model.classes_changed_outside()
        if project is not None and project.classes:
            self._session.set_class(project.classes[min(1, len(project.classes) - 1)].id)

    def _on_class(self, class_id: int | None) -> None:
        self._view.set_current(class_id)
        self._chips.set_current(class_id)
        labels = self._layers.labels
        if labels is not None and class_id is not None and class_of(labels.selected_label) != class_id:
            labels.selected_label = layer_value(class_id)
        self._refresh_available()

    def _refresh(self) -> None:
        objects = object_class_ids(self._session.classes())
        rows = [_row(self._key(index), each, each.id in objects) for index, each in enumerate(self._session.classes())]
        self._view.set_classes(rows)
        self._view.set_current(self._session.class_id)
        self._chips.set_classes(rows, {each.id for each in rows} - self._layers.hidden, self._session.outlined)
        self._chips.set_current(self._session.class_id)
        self._layers.set_classes(self._session.classes())
        self._refresh_available()

    def _refresh_available(self, _training: object = None) -> None:
        no_project = availability.NO_PROJECT if self._session.project is None else ""
        remove = availability.why_not_remove_class(self._session)
        hint = KEY_HINT if self._keys == tuple(PAINTING_KEYS) else OWN_KEY_HINT
        hint = f"{hint} {self._prompts_in_words()}"
        self._view.set_available(no_project, remove, hint if self._session.project else NO_CLASSES)
        self._chips.set_available(no_project, no_project)

    def _prompts_in_words(self) -> str:
        """Whether the next training reads the text prompts, and what would make it."""
        settings = self._session.settings
        if not settings.get("alignment.use_text", DEFAULTS.alignment.use_text):
            return tr("Training does not read the text prompts: alignment.use_text is off in Advanced settings.")
        encoder = settings.get("text.encoder", DEFAULTS.text.encoder)
        if encoder == "learned":
            return tr("Training does not read the text prompts: that takes a text encoder, in Advanced settings.")
        return tr("Training reads the text prompts with {encoder}.").format(encoder=encoder)

    def _key(self, index: int) -> str:
        return self._keys[index] if index < len(self._keys) else ""

    # --- the labels layer ------------------------------------------------------------------------------------------

    def _on_layer(self, event: Any) -> None:
        layer = event.value
        if ROLE_KEY not in layer.metadata:
            return
        if layer.metadata[ROLE_KEY] == LABELS:
            layer.events.selected_label.connect(self._on_selected_label)
            if self._session.class_id is not None:
                layer.selected_label = layer_value(self._session.class_id)

    def _on_selected_label(self, _event: Any = None) -> None:
        """The user picked a label in napari's own controls; a number that no class has is put back."""
        labels = self._layers.labels
        if labels is None:
            return
        chosen = class_of(int(labels.selected_label))
        if chosen is None or chosen == self._session.class_id:
            return
        if chosen in {each.id for each in self._session.classes()}:
            self._session.set_class(chosen)
        elif self._session.class_id is not None:
            labels.selected_label = layer_value(self._session.class_id)
            given = tr("no class has the number {value}").format(value=chosen + 1)
            self.reporter.error(ProjectError(given, tr("one of the classes in the list"), tr("add a class first")))


def _row(key: str, each: TissueClass, made_of_objects: bool) -> ClassRow:
    """A class as the table shows it. What somebody wrote as its prompt is never to be replaced by a suggestion."""
    suggestion = default_prompt(each.name)
    if each.prompt == suggestion or not is_automatic(each.prompt, each.name):
        suggestion = ""
    return ClassRow(each.id, each.name, each.color, each.prompt, key, suggestion, made_of_objects)
