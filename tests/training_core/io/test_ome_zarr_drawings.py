"""Labels of OME-Zarr folders, ours and those that zarr writes as others do, become annotations."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from training_core.base.errors import MaskError, ProjectError
from training_core.cli.main import main
from training_core.export import export_masks
from training_core.export.ome_zarr import slide_masks
from training_core.io import write_png
from training_core.io.drawings import read_drawings
from training_core.project import UNLABELED, LabelSource, Project, make_classes

HEIGHT, WIDTH = 60, 80
CLASSES = make_classes(("background", "gland", "necrosis"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name in ("a", "b"):
        write_png(tmp_path / "images" / f"{name}.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    return Project.create(tmp_path / "project", [tmp_path / "images"], classes=CLASSES)


def noise() -> NDArray[np.uint8]:
    """Every class and no class, in patches of 5 x 4 px."""
    patches = np.random.default_rng(5).choice([0, 1, 2, UNLABELED], (HEIGHT // 5, WIDTH // 4))
    return patches.astype(np.uint8).repeat(5, axis=0).repeat(4, axis=1)


def foreign(path: Path, values: NDArray[Any], version: str = "0.4", **label: Any) -> Path:
    """Labels as another program writes them: of 5 dimensions in 0.4, in chunks of its choice."""
    root = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
    axes = [*axes, *({"name": name, "type": "space"} for name in "zyx")]
    multiscales = [{"name": "nuclei", "axes": axes, "datasets": [{"path": "full"}], "version": version}]
    data = values[None, None, None]
    array = root.create_array("labels/nuclei/full", shape=data.shape, dtype=data.dtype, chunks=(1, 1, 1, 32, 32))
    array[...] = data
    of_label: dict[str, Any] = {"multiscales": multiscales, "image-label": {"version": version, **label}}
    for group, found in (("labels", {"labels": ["nuclei"]}), ("labels/nuclei", of_label)):
        root[group].attrs.update(found if version == "0.4" else {"ome": {"version": version, **found}})
    return path


@pytest.mark.parametrize("format", ["ome-zarr", "ome-zarr-0.5"])
@pytest.mark.parametrize("values", ["ids", "numbers"])
def test_what_goes_out_comes_back_to_the_pixel(project: Project, tmp_path: Path, format: str, values: Any) -> None:
    label = noise()
    project.write_label("a", label, LabelSource.PAINTED)
    export_masks(project, tmp_path / "out", format=format, values=values)
    other = Project.create(tmp_path / "other", [tmp_path / "images"], classes=CLASSES)
    assert main(["project", "import", str(other.path), str(tmp_path / "out")]) == 0
    np.testing.assert_array_equal(Project(other.path).label("a"), label)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_values_with_names_become_the_classes_of_these_names(
    project: Project, tmp_path: Path, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    values = np.zeros((HEIGHT, WIDTH), np.uint32)
    values[10:20, 30:50], values[40:50, :10] = 70_000, 3
    names = [{"label-value": 70_000, "class": "Gland"}, {"label-value": 3, "class": "Fat"}]
    colours = [{"label-value": 3, "rgba": [0, 128, 255, 255]}]
    path = foreign(tmp_path / "b.zarr", values, version, properties=names, colors=colours)
    assert main(["project", "import", str(project.path), str(path)]) == 2
    assert "Fat (1)" in capsys.readouterr().err
    assert main(["project", "import", str(project.path), str(path), "--add-classes"]) == 0
    opened = Project(project.path)
    (fat,) = (each for each in opened.classes if each.name == "Fat")
    assert fat.color == "#0080ff"
    expected = np.full((HEIGHT, WIDTH), UNLABELED, np.uint8)
    expected[10:20, 30:50], expected[40:50, :10] = 1, fat.id
    np.testing.assert_array_equal(opened.label("b"), expected)


def test_values_without_names_are_asked_about_and_zero_is_nothing(project: Project, tmp_path: Path) -> None:
    values = np.zeros((HEIGHT, WIDTH), np.uint16)
    values[:5, :5], values[9:12, 9:12] = 1, 2
    path = foreign(tmp_path / "a.ome.zarr", values)
    assert main(["project", "import", str(project.path), str(path)]) == 2
    assert not Project(project.path).has_label("a")
    assert main(["project", "import", str(project.path), str(path), "--unclassified", "necrosis"]) == 0
    np.testing.assert_array_equal(Project(project.path).label("a"), np.where(values, 2, UNLABELED))


def test_a_predicted_slide_is_taken_as_predicted(project: Project, tmp_path: Path) -> None:
    """What `predict` writes of a slide is OME-Zarr, too; 0 has a name, and 255, which is glass, is nothing."""
    ids = noise()
    assert set(np.unique(ids)) >= {0, UNLABELED}
    with slide_masks(tmp_path / "a.ome.zarr", HEIGHT, WIDTH, project.classes, 0.5) as masks:
        masks.writer(0, len(ids))(0, 0, ids, np.zeros_like(ids))
    assert main(["project", "import", str(project.path), str(tmp_path / "a.ome.zarr")]) == 0
    np.testing.assert_array_equal(Project(project.path).label("a"), ids)


def test_labels_of_another_size_are_refused(project: Project, tmp_path: Path) -> None:
    path = foreign(tmp_path / "a.zarr", np.ones((HEIGHT // 2, WIDTH // 2), np.uint8))
    with pytest.raises(ProjectError):  # their class is not known either; with one, the size is what is wrong
        read_and_import(project, path)
    path = foreign(tmp_path / "a.zarr", np.ones((HEIGHT // 2, WIDTH // 2), np.uint8), properties=GLAND)
    with pytest.raises(MaskError, match="40 x 30 px"):
        read_and_import(project, path)


GLAND = [{"label-value": 1, "class": "gland"}]


def read_and_import(project: Project, path: Path) -> None:
    from training_core.project.drawings import look_at
    from training_core.project.drawn_classes import Meaning

    look_at(project, [path], Meaning(project.classes))


@pytest.mark.parametrize(
    "fault",
    [
        "no labels",
        "a stack",
        "fractions",
        "no arrays",
        "torn",
        "metadata of another kind",
        "a bomb",
        "a way out",
        "large chunks",
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_in_words(tmp_path: Path, fault: str) -> None:
    values = np.random.default_rng(0).integers(0, 9, (HEIGHT, WIDTH))
    path = foreign(tmp_path / "a.zarr", values.astype(np.float32 if fault == "fractions" else np.uint8))
    if fault == "no labels":
        (path / "labels" / ".zattrs").write_text("{}")
    elif fault == "a stack":
        root = zarr.open_group(path, mode="r+")
        del root["labels/nuclei/full"]
        root.create_array("labels/nuclei/full", shape=(1, 1, 2, HEIGHT, WIDTH), dtype="u1", chunks=(1, 1, 1, 32, 32))
    elif fault == "no arrays":
        (path / "labels" / "nuclei" / "full" / ".zarray").unlink()
    elif fault == "torn":
        for chunk in (path / "labels" / "nuclei" / "full").rglob("*.*.*.*.*"):
            chunk.write_bytes(chunk.read_bytes()[:40])
    elif fault == "metadata of another kind":
        (path / "labels" / "nuclei" / ".zattrs").write_text('{"multiscales": 3}')
    elif fault == "a bomb":
        (chunk,) = (path / "labels" / "nuclei" / "full").glob("0.0.0.0.0")
        frame = numcodecs.Zstd().encode(bytes(1 << 29))
        assert len(frame) < 1 << 16
        chunk.write_bytes(bytes(frame))
    elif fault == "a way out":
        shutil.move(path / "labels" / "nuclei", tmp_path / "elsewhere")
        (path / "labels" / "nuclei").symlink_to(tmp_path / "elsewhere")
    elif fault == "large chunks":
        about = path / "labels" / "nuclei" / "full" / ".zarray"
        about.write_text(json.dumps({**json.loads(about.read_text()), "chunks": [1, 1, 1, 1 << 15, 1 << 15]}))
    with pytest.raises(MaskError, match=r"a\.zarr") as caught:
        read_drawings(path)
    said = {"a way out": "leads out of it", "large chunks": "chunks of at most 256 MB"}
    assert said.get(fault, "OME-Zarr") in str(caught.value)
