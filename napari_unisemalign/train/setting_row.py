"""One setting of the advanced form: its name, magicgui's widget for it, what it is for, and what is wrong with it."""

from __future__ import annotations

import sys
from typing import Any

from magicgui.widgets import ComboBox, create_widget
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, QSignalBlocker, Qt, QTimer, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from napari_unisemalign.widgets.colors import ERROR
from napari_unisemalign.widgets.common import FLUSH_STYLE, SPACING, Hint
from napari_unisemalign.widgets.events import focus_reason, is_enter
from training_core.base.i18n import tr
from training_core.settings.form_fields import Setting, value_text

FINEST = 1e-11
"""No value of a setting is rounded to less, and an excluded limit (above 0) lies this far outside."""
NO_LIMIT = sys.float_info.max

_WORDS = (("None:", tr("automatic:")), ("False:", tr("off:")), ("True:", tr("on:")))
_TITLES = {"mpp": tr("Pixel size"), "lr": tr("Learning rate"), "encoder_lr": tr("Encoder learning rate")}
_PROBLEM_STYLE = f"{FLUSH_STYLE} border-left: 3px solid {ERROR}; padding-left: 6px;"
_FIELD_PX = 160
_LEAVING = (QEvent.Type.FocusOut, QEvent.Type.Hide, QEvent.Type.ActivationChange, QEvent.Type.WindowDeactivate)


class _Choice(ComboBox):
    """A list whose None has a name."""

    null_string = tr("automatic")


def make_widget(setting: Setting, parent: QWidget) -> Any:
    """magicgui's widget for the type of a setting, with its range, choices and tooltip.

    Lists of numbers are typed: magicgui's editor of tuples has no None and is too wide. An encoder's name is chosen
    from a list that comes later.
    """
    annotation, kind = str if setting.kind == "numbers" else setting.annotation, setting.kind
    options: dict[str, Any] = {"parent": parent, "tooltip": described(setting)}
    if kind in ("whole number", "number"):
        least, most = limits_of(setting)
        options |= {"min": least, "max": most, "step": FINEST if kind == "number" else 1}
    elif kind == "choice" or (kind == "flag" and setting.optional):
        choices = setting.choices or ((tr("on"), True), (tr("off"), False))
        options |= {"widget_type": _Choice, "choices": choices, "nullable": setting.optional}
    elif setting.key == "encoder.name":
        options |= {"widget_type": _Choice}
    widget: Any = create_widget(annotation=annotation, options=options)
    if "step" in options:
        widget.step = None  # adaptive; the step above has set the decimals
    return widget


def limits_of(setting: Setting) -> tuple[float, float]:
    """The least and the greatest value of a number."""
    given, beyond = setting.limits, FINEST if setting.kind == "number" else 1
    least = given.get("ge", given.get("gt", -NO_LIMIT) + beyond)
    return least, given.get("le", given.get("lt", NO_LIMIT) - beyond)


class SettingRow(QWidget):
    """A row of the form; shows what it is told to, and says what the user wants.

    What is typed goes to the model as it is, so that the model's own message explains a refusal: a spin box would
    silently put the nearest value it knows in its place.
    """

    edited = Signal(object, object)
    """Setting, and the value chosen, or the text typed (str) where it must be read first."""
    reset_clicked = Signal(object)
    """Setting."""

    def __init__(self, setting: Setting, title: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setting = setting
        self._text = ""
        title = title or _TITLES.get(setting.name) or tr(_title(setting.name))
        self.name_label = QLabel(title, self)
        self.name_label.setWordWrap(True)
        self.name_label.setToolTip(setting.key)
        self.widget = make_widget(setting, self)
        self.field = self._prepared(self.widget.native, title)
        is_line = isinstance(self.field, QLineEdit)
        self.line: QLineEdit | None = self.field if is_line else self.field.findChild(QLineEdit)
        if not is_line:
            self.widget.changed.connect(self._take_value)
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
        layout.setColumnMinimumWidth(1, _FIELD_PX)  # napari's style lets spin boxes be narrower than is asked for
        layout.addWidget(self.name_label, 0, 0)
        layout.addWidget(self.field, 0, 1)
        layout.addWidget(self.reset_button, 0, 2)
        layout.addWidget(self.problem, 1, 0, 1, 3)
        layout.addWidget(self.description, 2, 0, 1, 3)

    def show_value(self, value: Any, default: Any, *, is_changed: bool) -> None:
        """Show this value; a field to type in is empty at the default, which it shows in grey."""
        with self.widget.changed.blocked():
            if isinstance(self.field, QAbstractSpinBox):
                start = max(1, self.widget.min)  # for the arrows, where the value is None
                self.field.setValue(start if value is None else value)
            elif self.line is None:
                self.widget.value = value
        if self.line is not None:
            self.line.setPlaceholderText(value_text(default) or tr("automatic"))
            self._write(value_text(value) if is_changed else "")
        self.name_label.setStyleSheet(f"{FLUSH_STYLE} font-weight: {700 if is_changed else 400};")
        self.reset_button.setVisible(is_changed)

    def set_problem(self, text: str) -> None:
        """Say why what was typed is not taken; an empty text: it is."""
        self.problem.set_text(text)

    def finish_editing(self) -> None:
        """Take what is typed and not left yet."""
        if self.line is None or not self.line.isModified():  # leaving an untouched field is no answer
            return
        self._write(self.line.text())
        text = self._text.strip()
        if text:
            self._take_text(text)
        else:
            self.reset_clicked.emit(self.setting)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: D102
        if event.type() == QEvent.Type.KeyPress and self.line is not None and is_enter(event):
            self.finish_editing()
            return True
        is_popup = event.type() == QEvent.Type.FocusOut and focus_reason(event) == Qt.FocusReason.PopupFocusReason
        if event.type() in _LEAVING and not is_popup:
            self.finish_editing()
            QTimer.singleShot(0, self._keep_text)
        return bool(super().eventFilter(watched, event))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: D102
        super().showEvent(event)
        self._keep_text()

    def _keep_text(self) -> None:
        """A spin box that comes to light or loses the focus puts its own words in the field: put the user's back."""
        if self.line is not None and isalive(self.line) and not self.line.isModified():  # the timer outlives the field
            self._write(self._text)

    def _prepared(self, field: Any, title: str) -> Any:
        field.setAccessibleName(title)
        field.setFixedWidth(_FIELD_PX)
        field.installEventFilter(self)
        if isinstance(field, QAbstractSpinBox):
            field.setKeyboardTracking(False)
        if isinstance(field, QDoubleSpinBox):
            field.findChild(QLineEdit).setValidator(None)  # it knows no 2e-3
        if isinstance(field, QComboBox):
            field.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        return field

    def _write(self, text: str) -> None:
        """Put a text in the field that neither it nor a spin box around it takes for typed."""
        assert self.line is not None
        self._text = text
        with QSignalBlocker(self.line), self.widget.changed.blocked():
            if isinstance(self.field, QAbstractSpinBox):
                self.field.setValue(self.field.value())
            self.line.setText(text)

    def _take_value(self, value: Any) -> None:
        """Chosen from a list, ticked, or stepped to with the arrows."""
        if isinstance(self.field, QAbstractSpinBox):
            self._write(value_text(value))
        self.edited.emit(self.setting, value)

    def _take_text(self, text: str) -> None:
        self.edited.emit(self.setting, text)


class EncoderRow(SettingRow):
    """The row of an encoder: what can be had of it, under what licence, and whether its weights are here."""

    def __init__(self, setting: Setting, title: str, parent: QWidget | None = None) -> None:
        super().__init__(setting, title, parent)
        self._about: dict[str, str] = {}
        self._shown = ""
        self.about = QLabel(self)
        self.about.setWordWrap(True)
        self.about.setTextFormat(Qt.TextFormat.RichText)
        self.about.setOpenExternalLinks(True)
        self.about.setMinimumWidth(1)
        self.about.setStyleSheet(FLUSH_STYLE)
        self.about.setText(tr("Looking for weights on this machine …"))
        self.layout().replaceWidget(self.description, self.about)
        self.description.hide()

    def _prepared(self, field: Any, title: str) -> Any:
        if self.setting.kind == "text":
            field.setEditable(True)  # any name that timm knows is one too
            field.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
            field.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        return super()._prepared(field, title)

    def show_value(self, value: Any, default: Any, *, is_changed: bool) -> None:
        """Show this name and what is known of it."""
        super().show_value(value, default, is_changed=is_changed)
        self._shown = str(value)
        self._show_name()

    def set_known(self, about: dict[str, str], short: dict[str, str]) -> None:
        """What is known of the encoders, by name: rich text for below the field, and a few words for the list."""
        self._about = about
        with self.widget.changed.blocked():
            self.widget.choices = [(short.get(key, key), key) for key in self.setting.choices or short]
        view = self.field.view()
        view.setMinimumWidth(view.sizeHintForColumn(0) + 24)
        self._show_name()

    def _show_name(self) -> None:
        with self.widget.changed.blocked():
            self.field.setCurrentIndex(self.field.findData(self._shown))
        if self.line is not None:
            self._write(self._shown)
        if self._about:
            unknown = tr("Not in the list: it is looked up by this name (timm) when the training starts.")
            self.about.setText(self._about.get(self._shown, unknown))

    def _take_text(self, text: str) -> None:
        index = self.field.findText(text)
        name = self.field.itemData(index) if index >= 0 else text
        if name != self._shown:
            self.edited.emit(self.setting, name)


def _title(name: str) -> str:
    """A setting's name as words: "labeled_batch" is "Labelled batch", "crop_px" is "Crop (px)"."""
    words = name.replace("_", " ").replace("labeled", "labelled").replace("color", "colour").capitalize()
    return f"{words[:-3]} (px)" if words.endswith(" px") else words


def described(setting: Setting) -> str:
    """The model's words for a setting, as a form says them, with the bounds."""
    text = tr(setting.description)
    for code, words in _WORDS:
        text = text.replace(code, words)
    return f"{text} ({setting.bounds})" if setting.bounds else text
