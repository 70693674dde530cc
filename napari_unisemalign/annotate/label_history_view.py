"""Earlier versions of a tile's annotations: a list, and a picture of what the chosen one would change."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QDialogButtonBox, QHBoxLayout, QLabel, QListWidget, QVBoxLayout, QWidget

from napari_unisemalign.app.background import run_while_painting
from napari_unisemalign.app.layer_values import U8
from napari_unisemalign.app.notify import in_a_sentence
from napari_unisemalign.widgets.common import Hint
from napari_unisemalign.widgets.deliberate import DeliberateDialog
from training_core.base.errors import UserError
from training_core.base.i18n import tr

WIDTH_PX = 640


class LabelHistoryDialog(DeliberateDialog):
    """Chooses one of several versions.

    Parameters
    ----------
    picture
        What (h, w, 3) to show of the version at this place of the list; may raise a `UserError`.
    why_not
        Why none can be restored; empty where one can.
    """

    def __init__(
        self,
        tile: str,
        versions: Sequence[str],
        picture: Callable[[int], U8],
        why_not: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("History of {tile}").format(tile=tile))
        self._picture, self._why_not = picture, why_not
        self.versions = QListWidget(self)
        self.versions.setAccessibleName(tr("Versions, newest first"))
        self.versions.setWordWrap(True)
        self.versions.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.versions.addItems(list(versions))
        self.picture = QLabel(self)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setMinimumSize(WIDTH_PX, WIDTH_PX // 2)
        self.picture.setWordWrap(True)
        words = tr("Left as it is now, right the chosen version; a yellow frame is around what would change.")
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, parent=self)
        self.restore_button = self.buttons.addButton(tr("Restore"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.cancel_button = self.buttons.button(QDialogButtonBox.StandardButton.Cancel)
        self.cancel_button.setText(tr("Cancel"))
        self.cancel_button.setDefault(True)
        self.restore_button.setAutoDefault(False)
        self.restore_button.setAccessibleDescription(
            tr("The annotations of the tile become the chosen version; undo brings the present ones back")
        )
        beside = QHBoxLayout()
        beside.addWidget(self.versions, 1)
        beside.addWidget(self.picture, 2)
        layout = QVBoxLayout(self)
        layout.addWidget(Hint(words, self))
        layout.addLayout(beside, 1)
        layout.addWidget(self.buttons)
        self.resize(WIDTH_PX * 3 // 2, WIDTH_PX * 3 // 4)
        self.versions.currentRowChanged.connect(self._show)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.versions.setCurrentRow(0)

    def value(self) -> int:
        """The place of the chosen version in the list."""
        return int(self.versions.currentRow())

    def _show(self, row: int) -> None:
        problem = self._why_not
        try:
            pixels: U8 = run_while_painting(lambda: self._picture(row))
            height, width = pixels.shape[:2]
            image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
            self.picture.setPixmap(QPixmap.fromImage(image))
        except UserError as error:
            problem = in_a_sentence(error)
            self.picture.setText(problem)
        self.restore_button.setEnabled(not problem)
        self.restore_button.setToolTip(problem)
