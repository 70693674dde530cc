"""A small project with truth, and a window with the panel docked."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from npe2.manifest import _bases
from qtpy.QtCore import QCoreApplication, QEvent, QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_unisemalign.app import labels, preferences
from napari_unisemalign.app.dialogs import Access, CloseAnswer, FilesToAdd, ImportChoice, NewProject
from napari_unisemalign.shell.dialogs import WindowDialogs
from napari_unisemalign.tiles import elsewhere
from napari_unisemalign.tiles.import_classes_view import ImportClassesDialog
from napari_unisemalign.tiles.new_project.form import NewProjectForm
from napari_unisemalign.tiles.new_project.form_view import NewProjectDialog
from training_core.io import write_png
from training_core.project import UNLABELED, Project, TissueClass, make_classes
from training_core.project.drawn_classes import FoundClass

SIDE_PX = 96
TILES = ("tile_01", "tile_02", "tile_03", "tile_04")


def tissue(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """An image (H, W, 3) of purple discs on pink, and its truth (H, W): 0 background, 1 gland."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE_PX, :SIDE_PX]
    truth = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    for _ in range(3):
        row, column = rng.integers(20, SIDE_PX - 20, 2)
        truth[(rows - row) ** 2 + (columns - column) ** 2 < int(rng.integers(10, 16)) ** 2] = 1
    colors = np.array([(232, 196, 214), (148, 92, 160)])
    noise = rng.integers(-8, 9, (SIDE_PX, SIDE_PX, 3))
    return (colors[truth] + noise).clip(0, 255).astype(np.uint8), truth


@pytest.fixture(scope="session", autouse=True)
def windows_start_sooner() -> Iterator[None]:
    """Each window costs 0.6 s less of processor time, a fifth of what it takes to make and close one.

    napari's fixture has npe2 find the plugins for each window again, which parses the same manifests, and collects
    garbage several times, among what was imported too.
    """
    parse, known = _bases._load_yaml_no_duplicates, dict[str, Any]()

    def parse_once(stream: Any) -> Any:
        text = stream.read()
        if text not in known:
            known[text] = parse(text)
        return deepcopy(known[text])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_bases, "_load_yaml_no_duplicates", parse_once)
        import napari_unisemalign.plugin
        import napari_unisemalign.tools.driver  # noqa: F401  # brings most of what a window needs

        gc.collect()
        gc.freeze()
        yield


@pytest.fixture(autouse=True)
def own_preferences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's switches are the test's own; the live preview is off, or each window would start a process."""
    monkeypatch.setattr(preferences, "preferences_file", lambda: tmp_path / "state" / "preferences.json")
    preferences.switch(preferences.LIVE_PREVIEW, False)


@pytest.fixture(autouse=True)
def no_earlier_messages() -> None:
    """napari keeps its messages for the whole process: those of an earlier test are not taken for this one's."""
    notification_manager.records.clear()


@pytest.fixture(autouse=True)
def patient_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    """An accept waits for the disk of a busy machine, so that a test can read what was written."""
    monkeypatch.setattr(labels, "ACCEPT_WAIT_S", 60.0)


@pytest.fixture(autouse=True)
def nothing_comes_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests change the project behind the window's back, and say themselves when it is to notice."""
    monkeypatch.setattr(elsewhere, "EVERY_MS", 3_600_000)


@pytest.fixture
def live_preview(own_preferences: None) -> None:
    """The live preview is on, as it is at first."""
    preferences.preferences_file().unlink()


@pytest.fixture
def truths() -> dict[str, np.ndarray]:
    return {name: tissue(seed)[1] for seed, name in enumerate(TILES)}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    images = tmp_path / "images"
    images.mkdir()
    for seed, name in enumerate(TILES):
        write_png(images / f"{name}.png", tissue(seed)[0])
    return Project.create(tmp_path / "project", [images], classes=make_classes(("background", "gland")))


def _add_run(
    project: Project, run_id: str, predictions: dict[str, np.ndarray], *, unsure: np.ndarray | None = None
) -> None:
    """What a finished run leaves behind: its predictions and its summary."""
    folder = project.runs_dir / run_id / "predictions"
    folder.mkdir(parents=True)
    for name, ids in predictions.items():
        pseudo = ids.copy()
        if unsure is not None:
            pseudo[unsure] = UNLABELED
        write_png(folder / f"{name}.prediction.png", ids)
        write_png(folder / f"{name}.pseudo_label.png", pseudo)
        write_png(folder / f"{name}.confidence.png", np.full_like(ids, 204))
    (project.runs_dir / run_id / "summary.json").write_text(json.dumps({"run": run_id}))


@pytest.fixture
def add_run() -> Callable[..., None]:
    return _add_run


@pytest.fixture
def predicted_project(project: Project, truths: dict[str, np.ndarray]) -> Project:
    """A run has predicted every tile; the pseudo-label is unsure in the left quarter."""
    unsure = np.zeros((SIDE_PX, SIDE_PX), bool)
    unsure[:, : SIDE_PX // 4] = True
    _add_run(project, "20260101-000000", truths, unsure=unsure)
    return project


@dataclass
class Answers:
    """Stands in for the modal dialogs: answers at once, and remembers what was asked."""

    asked: list[str] = field(default_factory=list)
    folder: Path | None = None
    new: NewProject | None = None
    added: FilesToAdd | None = None
    chosen_color: str | None = None
    yes: bool = True
    close: CloseAnswer = CloseAnswer.CANCEL
    lose: bool = False
    version: int | None = None
    access: Access | None = Access.BESIDE
    files: tuple[Path, ...] = ()
    classes: Callable[[ImportClassesDialog], None] = field(default_factory=lambda: lambda _dialog: None)
    """What is done in the question about classes of annotations, before it is accepted, if it can be."""

    def files_to_predict(self, _start: str) -> tuple[Path, ...]:
        self.asked.append("files_to_predict")
        return self.files

    def folder_to_predict(self, _start: str) -> Path | None:
        self.asked.append("folder_to_predict")
        return self.folder

    def annotation_files(self, _start: str) -> tuple[Path, ...]:
        self.asked.append("annotation_files")
        return self.files

    def annotation_folder(self, _start: str) -> Path | None:
        self.asked.append("annotation_folder")
        return self.folder

    def folder_for_predictions(self, _start: str) -> Path | None:
        self.asked.append("folder_for_predictions")
        return self.folder

    def project_folder(self, _start: str) -> Path | None:
        self.asked.append("project_folder")
        return self.folder

    def open_beside(self, others: Sequence[str]) -> Access | None:
        self.asked.append(f"open_beside {others}")
        return self.access

    def export_folder(self, _start: str) -> Path | None:
        self.asked.append("export_folder")
        return self.folder

    def table_file(self, _start: str) -> Path | None:
        self.asked.append("table_file")
        return self.folder / "table.csv" if self.folder else None

    def report_file(self, _start: str) -> Path | None:
        self.asked.append("report_file")
        return self.folder / "problem.zip" if self.folder else None

    def new_project(self, images: Sequence[Path] = ()) -> NewProject | None:
        self.asked.append(" ".join(["new_project", *map(str, images)]))
        return self.new

    def add_images(self, project: Project, images: Sequence[Path] = ()) -> FilesToAdd | None:
        self.asked.append(" ".join([f"add_images to {project.name}", *map(str, images)]))
        return self.added

    def pixel_sizes(self, _project: Project, names: Sequence[str] = ()) -> bool:
        self.asked.append(" ".join(["pixel_sizes", *names]))
        return False

    def color(self, _current: str) -> str | None:
        self.asked.append("color")
        return self.chosen_color

    def confirm(self, _title: str, question: str, _yes: str) -> bool:
        self.asked.append(question)
        return self.yes

    def import_classes(self, found: Sequence[FoundClass], classes: Sequence[TissueClass]) -> ImportChoice | None:
        self.asked.append(", ".join(each.name for each in found))
        dialog = ImportClassesDialog(found, classes)
        self.classes(dialog)
        value = dialog.value() if dialog.import_button.isEnabled() else None
        dialog.deleteLater()
        return value

    def label_history(
        self, tile: str, versions: Sequence[str], picture: Callable[[int], Any], why_not: str
    ) -> int | None:
        self.asked.append(f"label_history {tile} {versions} {why_not}")
        return self.version

    def close_while_training(self) -> CloseAnswer:
        self.asked.append("close_while_training")
        return self.close

    def close_unsaved(self, names: tuple[str, ...]) -> bool:
        self.asked.append(f"close_unsaved {names}")
        return self.lose

    def show_details(self, details: str) -> None:
        self.asked.append(details)


def in_the_form(fill: Callable[[NewProjectDialog], None]) -> None:
    """When the form is on the screen, fill it in, wait until it is ready, and press its button."""
    timer = QTimer(QApplication.instance())
    seen: list[NewProjectDialog] = []

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, NewProjectDialog):
            return
        if not seen:
            seen.append(dialog)
            fill(dialog)
        elif dialog.ok_button.isEnabled():
            timer.stop()
            QTest.mouseClick(dialog.ok_button, Qt.MouseButton.LeftButton)

    timer.timeout.connect(look)
    timer.start(30)


def drop(widget: QWidget, *paths: Path) -> None:
    """Drop files on a widget, as a file manager does."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    how = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(widget, QDragEnterEvent(QPoint(20, 20), *how))
    QApplication.sendEvent(widget, QDropEvent(QPointF(20, 20), *how))
    QTest.qWait(50)


@pytest.fixture
def form(qtbot: Any) -> Iterator[NewProjectForm]:
    """The form for a new project, on the screen."""
    dialog = NewProjectDialog()
    qtbot.addWidget(dialog)
    dialog.show()
    yield NewProjectForm(dialog)
    # qtbot only has it deleted later: gone now, before a window of the same test looks for what it left
    kind = QEvent.Type.DeferredDelete
    QCoreApplication.sendPostedEvents(None, int(getattr(kind, "value", kind)))  # on PyQt5 a number itself


@pytest.fixture
def form_adding_to(qtbot: Any) -> Callable[[Project], NewProjectForm]:
    """The form for more images, on the screen."""

    def show(project: Project) -> NewProjectForm:
        dialog = NewProjectDialog(adding_to=project.name)
        qtbot.addWidget(dialog)
        dialog.show()
        return NewProjectForm(dialog, project=project)

    return show


@pytest.fixture
def settle(qtbot: Any) -> Callable[[NewProjectForm], None]:
    """Wait until a form has looked at everything."""
    return lambda form: qtbot.waitUntil(lambda: form.is_complete, timeout=60_000)


@pytest.fixture
def window(make_napari_viewer: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """(viewer, driver, answers): a shown napari window with the panel docked, driven like by a user."""
    from napari_unisemalign.plugin import panel_in
    from napari_unisemalign.tools.driver import Driver

    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1366, 768)
    panel = panel_in(viewer)
    answers = Answers()
    for name in [each for each in dir(Answers) if not each.startswith("_") and callable(getattr(Answers, each))]:
        monkeypatch.setattr(panel.controller.context.dialogs, name, getattr(answers, name))
    driver = Driver(viewer, panel)
    driver.activate()
    yield viewer, driver, answers
    panel.controller.context.background.close()
    panel.controller.context.thumbnails.close()


@pytest.fixture
def real_form(window: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The driver of the window, with the real form for new projects and for more images."""
    _viewer, driver, _answers = window
    dialogs = driver.panel.controller.context.dialogs
    for name in ("new_project", "add_images"):
        monkeypatch.setattr(dialogs, name, getattr(WindowDialogs, name).__get__(dialogs))
    return driver
