"""Advanced settings of a training: a form that is generated from the configuration's own list of fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLineEdit, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_unisemalign.train.setting_row import EncoderRow, SettingRow, described
from napari_unisemalign.widgets.common import SPACING, Hint, row, set_available
from training_core.base.i18n import ntr, tr
from training_core.settings.form_fields import Setting, all_settings, section_descriptions

TOP = {
    "runtime.device": tr("Device"),
    "runtime.precision": tr("Precision"),
    "encoder.name": tr("Encoder"),
    "text.encoder": tr("Text encoder"),
}
"""What stands above the sections, because it is changed most."""
TITLES = {
    "": tr("General"),
    "encoder": tr("Encoder"),
    "text": tr("Text vectors"),
    "decoder": tr("Decoder"),
    "alignment": tr("Alignment"),
    "losses": tr("Losses"),
    "pseudo_label": tr("Pseudo-labels"),
    "augment": tr("Augmentation"),
    "optimizer": tr("Optimiser"),
    "teacher": tr("Teacher"),
    "schedule": tr("Schedule"),
    "data": tr("Crops and batches"),
    "inference": tr("Prediction"),
    "runtime": tr("Computing"),
}
"""By the names that sections have in keys and files."""

_FOLD_STYLE = "QToolButton { border: none; padding: 4px 2px; font-weight: 600; text-align: left; }"


class _Fold(QWidget):
    """A header that folds its body away. The body's rows are made when it is opened first: there are many."""

    def __init__(self, title: str, about: str, settings: tuple[Setting, ...], form: SettingsForm) -> None:
        super().__init__(form)
        self._title, self._about, self.settings, self._form = title, about, settings, form
        self.header = fold_button(title, self)
        self.header.setToolTip(about)
        self.header.clicked.connect(lambda: self.set_open(self.header.isChecked()))
        self.body = QWidget(self)
        self._body_layout = QVBoxLayout(self.body)
        self._body_layout.setContentsMargins(12, 0, 0, 0)
        self._body_layout.setSpacing(SPACING)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.header)
        layout.addWidget(self.body)
        self.body.hide()

    def set_open(self, is_open: bool) -> None:
        """Show or fold away the rows."""
        if is_open and self._body_layout.isEmpty():
            self._body_layout.addWidget(Hint(self._about, self.body))
            for setting in self.settings:
                self._body_layout.addWidget(self._form.make_row(setting, self.body))
        mark_fold(self.header, is_open)
        self.body.setVisible(is_open)

    def filter(self, keys: set[str] | None) -> None:
        """Show only the rows of these keys, and nothing where there is none; None: all, folded away."""
        found = keys is None or any(setting.key in keys for setting in self.settings)
        self.setVisible(found)
        self.set_open(found and keys is not None)
        for setting in self.settings:
            if setting.key in self._form.rows:
                self._form.rows[setting.key].setVisible(keys is None or setting.key in keys)

    def set_changed(self, count: int) -> None:
        """How many of its settings are not at their default."""
        self.header.setText(f"{self._title} ({_changed(count)})" if count else self._title)


class SettingsForm(QWidget):
    """Everything that a training can be told, folded away until it is wanted."""

    edited = Signal(object, object)
    """Setting, and its new value or the text that was typed."""
    reset_clicked = Signal(object)
    """Setting."""
    reset_all_clicked = Signal()
    opened = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: dict[str, SettingRow] = {}
        self.folds: dict[str, _Fold] = {}
        self._values: Mapping[str, Any] = {}
        self._defaults: Mapping[str, Any] = {}
        self._changed: Mapping[str, Any] = {}
        self.header = fold_button(tr("Advanced"), self)
        self.header.clicked.connect(lambda: self.set_open(self.header.isChecked()))
        self.body = QWidget(self)
        self._body_layout = QVBoxLayout(self.body)
        self._body_layout.setContentsMargins(4, 0, 0, 0)
        self._body_layout.setSpacing(SPACING)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.header)
        layout.addWidget(self.body)
        self.body.hide()
        self.set_available(tr("Open a project first."))

    def set_available(self, reason: str) -> None:
        """Let the form be opened, or say why not; then it is folded away."""
        tip = tr("Encoder, device and everything else that a training can be told. The defaults are good.")
        set_available(self.header, reason, tip)
        if reason:
            self.set_open(False)

    def set_open(self, is_open: bool) -> None:
        """Show the form, or fold it away."""
        if is_open and self._body_layout.isEmpty():
            self._build()
        mark_fold(self.header, is_open)
        self.body.setVisible(is_open)
        if is_open:
            self.opened.emit()

    def set_values(
        self, values: Mapping[str, Any], defaults: Mapping[str, Any], changed: Mapping[str, Any], problem: str = ""
    ) -> None:
        """Show all values by key, and which of them the project changes. problem: why nothing of it can be changed."""
        self._values, self._defaults, self._changed = values, defaults, changed
        count = len(changed)
        self.header.setText(f"{tr('Advanced')} ({_changed(count)})" if count else tr("Advanced"))
        for each in self.rows.values():
            self._fill(each)
        if not self._body_layout.isEmpty():
            self._fill_frame(problem)
        self._problem = problem

    def set_problem(self, setting: Setting, text: str) -> None:
        """Say beside a field why what was typed is not taken."""
        self.rows[setting.key].set_problem(text)

    def set_known(self, key: str, about: dict[str, str], short: dict[str, str]) -> None:
        """What is known of the encoders (`EncoderRow.set_known`)."""
        encoder = self.rows.get(key)
        if isinstance(encoder, EncoderRow):
            encoder.set_known(about, short)

    def make_row(self, setting: Setting, parent: QWidget) -> SettingRow:
        """A row for this setting, with its value; it belongs to the form from now on."""
        is_encoder = setting.key in ("encoder.name", "text.encoder")
        kind = EncoderRow if is_encoder else SettingRow
        made = kind(setting, TOP.get(setting.key, ""), parent)
        made.edited.connect(self.edited)
        made.reset_clicked.connect(self.reset_clicked)
        self.rows[setting.key] = made
        self._fill(made)
        return made

    def finish_editing(self) -> bool:
        """Take what is typed and not left yet; False where a field holds what is not allowed, which it says."""
        for each in self.rows.values():
            each.finish_editing()
        return not any(each.problem.text() for each in self.rows.values())

    def _build(self) -> None:
        settings = all_settings()
        self.explanation = Hint(tr("Kept with the project, for every training from the next one on."), self.body)
        self.problem = Hint("", self.body)
        self.search = QLineEdit(self.body)
        self.search.setPlaceholderText(tr("Search the settings"))
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName(tr("Search the settings"))
        self.search.textChanged.connect(self._filter)
        self.reset_all_button = QPushButton(tr("Reset all"), self.body)
        self.reset_all_button.clicked.connect(lambda: self.reset_all_clicked.emit())
        self.nothing_found = Hint("", self.body)
        head = row(self.search, self.reset_all_button, stretch=False)
        head.setStretch(0, 1)
        self._body_layout.addWidget(self.explanation)
        self._body_layout.addWidget(self.problem)
        self._body_layout.addLayout(head)
        by_key = {setting.key: setting for setting in settings}
        for key in TOP:
            self._body_layout.addWidget(self.make_row(by_key[key], self.body))
        about = {"": tr("What the rest follows from."), **section_descriptions()}
        for section, text in about.items():
            own = tuple(each for each in settings if each.section == section and each.key not in TOP)
            if own:
                self.folds[section] = _Fold(TITLES[section], tr(text), own, self)
                self._body_layout.addWidget(self.folds[section])
        self._body_layout.addWidget(self.nothing_found)
        self._fill_frame(self._problem)

    _problem = ""

    def _fill(self, each: SettingRow) -> None:
        key = each.setting.key
        if key in self._values:
            each.show_value(self._values[key], self._defaults[key], is_changed=key in self._changed)
            each.set_problem("")

    def _fill_frame(self, problem: str) -> None:
        self.problem.set_text(problem)
        reason = "" if self._changed or problem else tr("Everything is at its default.")
        set_available(self.reset_all_button, reason, tr("All settings of this project back to their defaults"))
        for each in self.rows.values():
            each.setEnabled(not problem)
        for fold in self.folds.values():
            fold.set_changed(sum(setting.key in self._changed for setting in fold.settings))

    def _filter(self, text: str) -> None:
        words = text.lower().split()
        settings = all_settings()
        found = {each.key for each in settings if all(word in _searched(each) for word in words)}
        for key in TOP:
            self.rows[key].setVisible(not words or key in found)
        for fold in self.folds.values():
            fold.filter(found if words else None)
        self.nothing_found.set_text("" if found else tr("No setting has these words."))


def fold_button(title: str, parent: QWidget) -> QToolButton:
    """A header with an arrow, which folds what is under it away."""
    button = QToolButton(parent)
    button.setText(title)
    button.setCheckable(True)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setStyleSheet(_FOLD_STYLE)
    mark_fold(button, False)
    return button


def mark_fold(button: QToolButton, is_open: bool) -> None:
    """Point the arrow of a header down where it is open."""
    button.setChecked(is_open)
    button.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)


def _changed(count: int) -> str:
    return ntr("{count} changed", "{count} changed", count).format(count=count)


def _searched(setting: Setting) -> str:
    words = (setting.key, setting.name.replace("_", " "), described(setting), TOP.get(setting.key, ""))
    return " ".join(words).lower()
