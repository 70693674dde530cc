"""The project's own settings: between the advanced form and settings.json."""

from __future__ import annotations

from typing import Any

from napari_unisemalign.app.availability import NO_PROJECT
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.notify import guarded, in_lines
from napari_unisemalign.train.contracts import SettingsSurface
from napari_unisemalign.train.encoder_list import EncoderList, about, short
from training_core.base.errors import ConfigError
from training_core.base.i18n import tr
from training_core.project.settings import defaults, read_settings, write_settings
from training_core.settings.form_fields import Setting, parse_value

_LISTS = {"encoder.name": "encoders", "text.encoder": "text_encoders"}
_LEARNED = {
    "learned": tr("Vectors that are learned with the classes; no weights, no licence."),
    "open_clip": tr("Any model of open_clip: text.model_name says which, text.pretrained which weights."),
}


class SettingsController:
    """Reads and writes what the project sets; the model alone says what is allowed."""

    def __init__(self, context: Context, view: SettingsSurface) -> None:
        self._session, self.reporter = context.session, context.reporter
        self._view = view
        self._own: dict[str, Any] = {}
        self._known: dict[str, Any] | None = None
        self._encoders = EncoderList(context.owner)
        self._encoders.listed.connect(self._on_listed)
        self._encoders.failed.connect(self._on_no_list)
        self._view.opened.connect(self._on_opened)
        self._view.edited.connect(self.change)
        self._view.reset_clicked.connect(self.reset)
        self._view.reset_all_clicked.connect(self.reset_all)
        self._session.project_changed.connect(self._load)
        self._load()

    @guarded
    def change(self, setting: Setting, value: Any) -> None:
        """Keep a value, or say beside its field why it is not taken."""
        try:
            if isinstance(value, str) and setting.kind != "choice":
                value = parse_value(setting, value)
            self._write({**self._own, setting.key: value})
        except ConfigError as error:
            self._view.set_problem(setting, in_lines(error))

    @guarded
    def reset(self, setting: Setting) -> None:
        """Back to the default, unless another setting needs it as it is."""
        try:
            self._write({key: value for key, value in self._own.items() if key != setting.key})
        except ConfigError as error:
            self._view.set_problem(setting, in_lines(error))

    @guarded
    def reset_all(self) -> None:
        """Back to the defaults, even from a damaged file."""
        self._write({})

    def _write(self, values: dict[str, Any]) -> None:
        project = self._session.project
        if project is not None:
            project.refuse_if_read_only()
            self._own = write_settings(project.path, values)
            self._session.set_settings(self._own)
            self._show()

    def _load(self, _project: object = None) -> None:
        project = self._session.project
        self._own, problem = {}, ""
        if project is not None:
            try:
                self._own = read_settings(project.path)
            except ConfigError as error:
                problem = in_lines(error)
        self._session.set_settings(self._own)
        self._view.set_available("" if project is not None else NO_PROJECT)
        self._show(problem)

    def _show(self, problem: str = "") -> None:
        usual = defaults(self._own)
        self._view.set_values({**usual, **self._own}, usual, self._own, problem)

    def _on_opened(self) -> None:
        self._load()  # another program may have written the file
        if self._known is None:
            self._encoders.ask()

    def _on_listed(self, known: dict[str, Any]) -> None:
        self._known = known
        for key, name in _LISTS.items():
            encoders = {each["key"]: each for each in known[name]}
            texts = {key: about(each) for key, each in encoders.items()}
            if key == "text.encoder":
                texts |= _LEARNED
            self._view.set_known(key, texts, {key: short(each) for key, each in encoders.items()})

    def _on_no_list(self, details: str) -> None:
        self.reporter.error(tr("The encoders could not be listed. Their names can still be typed."), details)
