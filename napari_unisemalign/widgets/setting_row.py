"""One setting of the advanced form: its name, a field to change it, what it is for, and what is wrong with it."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLabel, QLineEdit, QPushButton, QSizePolicy, QWidget

from napari_unisemalign.widgets.common import FLUSH_STYLE, SPACING, Hint
from training_core.base.i18n import tr
from training_core.settings.form_fields import Setting, value_text

_WORDS = (("None:", tr("left empty:")), ("False:", tr("off:")), ("True:", tr("on:")))
_PROBLEM_STYLE = f"{FLUSH_STYLE} border-left: 3px solid #d9534f; padding-left: 6px;"
_FIELD_PX = 170


class CalmCombo(QComboBox):
    """A list that a turn of the wheel over the form scrolls past, not through, and that takes any width."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: D102
        if event is not None and not self.hasFocus():
            event.ignore()
        else:
            super().wheelEvent(event)


class SettingRow(QWidget):
    """A row of the form; shows what it is told to, and says what the user wants."""

    edited = Signal(object, object)
    """Setting, and the value chosen, or the text typed (str) where it must be read first."""
    reset_clicked = Signal(object)
    """Setting."""

    def __init__(self, setting: Setting, title: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setting = setting
        self._shown: Any = None
        title = title or tr(setting.name.replace("_", " "))
        self.name_label = QLabel(title, self)
        self.name_label.setWordWrap(True)
        self.name_label.setToolTip(setting.key)
        self.field = self._make_field()
        self.field.setAccessibleName(title)
        self.field.setToolTip(setting.key)
        self.name_label.setBuddy(self.field)
        self.reset_button = QPushButton(tr("Reset"), self)
        self.reset_button.setToolTip(tr("Back to the default"))
        self.reset_button.clicked.connect(lambda: self.reset_clicked.emit(setting))
        policy = self.reset_button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # nothing jumps
        self.reset_button.setSizePolicy(policy)
        self.description = Hint(described(setting), self)
        self.problem = Hint("", self)
        self.problem.setStyleSheet(_PROBLEM_STYLE)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 4)
        layout.setHorizontalSpacing(SPACING)
        layout.setVerticalSpacing(2)
        layout.setColumnStretch(0, 1)
        layout.addWidget(self.name_label, 0, 0)
        layout.addWidget(self.field, 0, 1)
        layout.addWidget(self.reset_button, 0, 2)
        layout.addWidget(self.problem, 1, 0, 1, 3)
        layout.addWidget(self.description, 2, 0, 1, 3)

    def show_value(self, value: Any, default: Any, *, is_changed: bool) -> None:
        """Show this value; a field to type in is empty at the default, which it shows in grey."""
        self._shown = value
        field = self.field
        with QSignalBlocker(field):
            if isinstance(field, QCheckBox):
                field.setChecked(bool(value))
            elif isinstance(field, QComboBox):
                field.setCurrentIndex(field.findData(value))
            elif isinstance(field, QLineEdit):
                field.setText(value_text(value) if is_changed else "")
                field.setPlaceholderText(value_text(default) or tr("automatic"))
        self._mark(is_changed)

    def set_problem(self, text: str) -> None:
        """Say why what was typed is not taken; an empty text: it is."""
        self.problem.set_text(text)

    def finish_editing(self) -> None:
        """Take what is typed and not left yet."""
        if isinstance(self.field, QLineEdit):
            self._take_text()

    def _mark(self, is_changed: bool) -> None:
        weight = 700 if is_changed else 400
        self.name_label.setStyleSheet(f"{FLUSH_STYLE} font-weight: {weight};")
        self.reset_button.setVisible(is_changed)

    def _make_field(self) -> QWidget:
        setting = self.setting
        if setting.kind == "choice" or (setting.kind == "flag" and setting.optional):
            field: QWidget = self._make_list(setting)
        elif setting.kind == "flag":
            field = QCheckBox(self)
            field.clicked.connect(lambda checked: self.edited.emit(setting, checked))
        else:
            field = QLineEdit(self)
            field.editingFinished.connect(self._take_text)
        field.setFixedWidth(_FIELD_PX)
        return field

    def _make_list(self, setting: Setting) -> CalmCombo:
        combo = CalmCombo(self)
        choices = setting.choices or (True, False)
        names = {True: tr("on"), False: tr("off")} if setting.kind == "flag" else {}
        if setting.optional:
            combo.addItem(tr("automatic"), None)
        for choice in choices:
            combo.addItem(names.get(choice, str(choice)), choice)
        combo.activated.connect(lambda index: self.edited.emit(setting, combo.itemData(index)))
        return combo

    def _take_text(self) -> None:
        field = self.field
        assert isinstance(field, QLineEdit)
        if field.isModified():  # leaving an untouched field is no answer
            field.setModified(False)
            text = field.text().strip()
            if text:
                self.edited.emit(self.setting, text)
            else:
                self.reset_clicked.emit(self.setting)


class EncoderRow(SettingRow):
    """The row of an encoder: what can be had of it, under what licence, and whether its weights are here."""

    def __init__(self, setting: Setting, title: str, parent: QWidget | None = None) -> None:
        super().__init__(setting, title, parent)
        self._about: dict[str, str] = {}
        self.about = QLabel(self)
        self.about.setWordWrap(True)
        self.about.setTextFormat(Qt.TextFormat.RichText)
        self.about.setOpenExternalLinks(True)
        self.about.setMinimumWidth(1)
        self.about.setStyleSheet(FLUSH_STYLE)
        self.about.setText(tr("Looking for weights on this machine …"))
        self.layout().replaceWidget(self.description, self.about)
        self.description.hide()

    def _make_field(self) -> QWidget:
        if self.setting.kind == "choice":
            return super()._make_field()
        combo = CalmCombo(self)
        combo.setEditable(True)  # any name that timm knows is one too
        combo.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        combo.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        combo.setFixedWidth(_FIELD_PX)
        combo.activated.connect(self._take_chosen)
        line = combo.lineEdit()
        assert line is not None
        line.editingFinished.connect(self._take_typed)
        return combo

    def show_value(self, value: Any, default: Any, *, is_changed: bool) -> None:
        """Show this name and what is known of it."""
        super().show_value(value, default, is_changed=is_changed)
        field = self.field
        if isinstance(field, QComboBox) and field.isEditable():
            with QSignalBlocker(field):
                field.setEditText(str(value))
        self._tell(str(value))

    def finish_editing(self) -> None:
        """Take the name that is typed and not left yet."""
        if isinstance(self.field, QComboBox) and self.field.isEditable():
            self._take_typed()

    def set_known(self, about: dict[str, str], short: dict[str, str]) -> None:
        """What is known of the encoders, by name: rich text for below the field, and a few words for the list."""
        self._about = about
        field = self.field
        assert isinstance(field, QComboBox)
        with QSignalBlocker(field):
            for key, words in short.items():
                index = field.findData(key)
                if index < 0:
                    field.addItem(words, key)
                else:
                    field.setItemText(index, words)
            if field.isEditable():
                field.setEditText(str(self._shown))
        view = field.view()
        if view is not None:
            view.setMinimumWidth(view.sizeHintForColumn(0) + 24)
        self._tell(str(self._shown))

    def _take_chosen(self, index: int) -> None:
        field = self.field
        assert isinstance(field, QComboBox)
        self._choose(str(field.itemData(index)))

    def _take_typed(self) -> None:
        field = self.field
        assert isinstance(field, QComboBox)
        self._choose(field.currentText().strip())

    def _choose(self, name: str) -> None:
        field = self.field
        assert isinstance(field, QComboBox)
        index = field.findText(name)
        name = field.itemData(index) if index >= 0 else name
        if name and name != self._shown:
            self.edited.emit(self.setting, name)
        elif not name:
            self.reset_clicked.emit(self.setting)

    def _tell(self, name: str) -> None:
        if self._about:
            unknown = tr("Not in the list: it is looked up by this name (timm) when the training starts.")
            self.about.setText(self._about.get(name, unknown))


def described(setting: Setting) -> str:
    """The model's words for a setting, as a form says them, with the bounds."""
    text = tr(setting.description)
    for code, words in _WORDS:
        text = text.replace(code, words)
    return f"{text} ({setting.bounds})" if setting.bounds else text
