"""A package for bioimage.io, whose models QuPath, ilastik and deepImageJ read: rdf.yaml and what it names, zipped.

Written by the published description of format 0.5; `bioimageio.core` tests the packages that the tests make.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from training_core.base.errors import ConfigError
from training_core.network.model import UniSemAlign
from training_core.runs.shared_model import SharedModel
from training_core.sharing.onnx_graph import INPUT, OPSET, OUTPUT, Probabilities, multiple_px, random_image

PACKAGE_NAME = "bioimageio.zip"
_FORMAT = "0.5.3"
_TEST_PX = 128
_TOLERANCE = {"relative_tolerance": 1e-3, "absolute_tolerance": 1e-4}
_SPDX = {
    "apache-2.0": "Apache-2.0", "bsd-2-clause": "BSD-2-Clause", "bsd-3-clause": "BSD-3-Clause", "mit": "MIT",
    "cc0-1.0": "CC0-1.0", "cc-by-4.0": "CC-BY-4.0", "cc-by-sa-4.0": "CC-BY-SA-4.0", "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "cc-by-nc-sa-4.0": "CC-BY-NC-SA-4.0", "cc-by-nc-nd-4.0": "CC-BY-NC-ND-4.0", "gpl-3.0": "GPL-3.0-only",
    "agpl-3.0": "AGPL-3.0-only",
}  # fmt: skip
"""Licences by their names on the Hugging Face hub, as SPDX calls them, and so bioimage.io."""


def check_described(licence: str, authors: Sequence[str]) -> None:
    """Refuse a package without what bioimage.io asks for.

    Raises
    ------
    ConfigError
        There is no licence or no author.
    """
    if licence.casefold() not in _SPDX:
        raise ConfigError(
            f"the licence of the model is {licence}" if licence else "the model has no licence",
            f"for bioimage.io, one of {', '.join(_SPDX)}",
            "choose the licence of the weights",
            terminal="--license cc-by-4.0",
        )
    if not any(each.strip() for each in authors):
        raise ConfigError(
            "the model has no author", "for bioimage.io, at least one", "name one", terminal='--author "Ada Lovelace"'
        )


def write_package(
    path: Path, model: SharedModel, network: UniSemAlign, graph: Path, licence: str, authors: Sequence[str]
) -> None:
    """Write the package of a network in evaluation mode whose graph is written already.

    Parameters
    ----------
    licence
        As the Hugging Face hub calls it.
    """
    image = random_image((1, _TEST_PX, _TEST_PX))
    with torch.no_grad():
        expected = Probabilities(network).eval()(image).numpy()
    files = {
        "weights.onnx": graph.read_bytes(),
        "test_input.npy": _npy(image.numpy()),
        "test_output.npy": _npy(expected),
        "README.md": _documentation(model).encode(),
    }
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    described = _description(model, multiple_px(network), hashes, _SPDX[licence.casefold()], authors)
    rdf = yaml.safe_dump(described, sort_keys=False, allow_unicode=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {"rdf.yaml": rdf.encode(), **files}.items():
            archive.writestr(name, data)


def _description(
    model: SharedModel, step_px: int, hashes: dict[str, str], licence: str, authors: Sequence[str]
) -> dict[str, Any]:
    scale = {} if model.mpp_um is None else {"scale": model.mpp_um / model.readout.scale, "unit": "micrometer"}
    sizes = {"min": 2 * step_px, "step": step_px}
    return {
        "format_version": _FORMAT,
        "type": "model",
        "name": _plain(model.name),
        "description": f"Segments tissue in RGB images into {len(model.classes)} classes. For research only.",
        "authors": [{"name": each.strip()} for each in authors if each.strip()],
        "cite": [{"text": "UniSemAlign, arXiv 2604.09169", "url": "https://arxiv.org/abs/2604.09169"}],
        "license": licence,
        "documentation": {"source": "README.md", "sha256": hashes["README.md"]},
        "tags": ["histopathology", "semantic-segmentation", "2d", "rgb"],
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "inputs": [
            {
                "id": INPUT,
                "description": "RGB from 0 to 255",
                "axes": [
                    {"type": "batch"},
                    {"type": "channel", "channel_names": ["red", "green", "blue"]},
                    *({"type": "space", "id": axis, "size": sizes, **scale} for axis in "yx"),
                ],
                "data": {"type": "float32", "range": [0.0, 255.0]},
                "test_tensor": {"source": "test_input.npy", "sha256": hashes["test_input.npy"]},
            }
        ],
        "outputs": [
            {
                "id": OUTPUT,
                "description": f"probability of each class, in the order: {', '.join(c.name for c in model.classes)}"[
                    :120
                ],
                "axes": [
                    {"type": "batch"},
                    {"type": "channel", "channel_names": _identifiers([each.name for each in model.classes])},
                    *(
                        {"type": "space", "id": axis, "size": {"tensor_id": INPUT, "axis_id": axis}, **scale}
                        for axis in "yx"
                    ),
                ],
                "data": {"type": "float32", "range": [0.0, 1.0]},
                "test_tensor": {"source": "test_output.npy", "sha256": hashes["test_output.npy"]},
            }
        ],
        "weights": {
            "onnx": {"source": "weights.onnx", "sha256": hashes["weights.onnx"], "opset_version": OPSET},
        },
        "config": {"bioimageio": {"reproducibility_tolerance": [{"output_ids": [OUTPUT], **_TOLERANCE}]}},
    }


def _documentation(model: SharedModel) -> str:
    readout = model.readout
    scale = "as they are" if model.mpp_um is None else f"at {model.mpp_um / readout.scale:.4g} µm/px"
    names = "\n".join(f"- {index}: {each.name} ({each.color})" for index, each in enumerate(model.classes))
    return f"""# {model.name}

Segments tissue in RGB images (0 to 255) {scale}. Channels of the output:

{names}

## Not in the graph

Resampling to that pixel size, the blending of overlapping windows, the average of several views, the weight
{readout.foreground_weight:.4g} of every class but the background, the temperature
{readout.temperature:.4g} of the confidence and the separation of objects. napari-unisemalign does all of it with the
folder that this package was written beside.

## Validation

Compare its predictions with your own annotations before you rely on it. For research, not for diagnosis.
"""


def _plain(name: str) -> str:
    """A name of 5 to 128 letters, digits, spaces, hyphens and the like, which is all that the format allows."""
    plain = " ".join(re.sub(r"[^a-zA-Z0-9_+\- ()]", " ", name).split())[:100]
    return plain if len(plain) >= 5 else f"tissue model {plain}".strip()


def _identifiers(names: Sequence[str]) -> list[str]:
    """Names as identifiers of Python, each once."""
    found: list[str] = []
    for index, name in enumerate(names):
        plain = re.sub(r"\W+", "_", name.strip().casefold(), flags=re.ASCII).strip("_")
        plain = plain if plain and not plain[0].isdigit() else f"class_{index}"
        found.append(plain if plain not in found else f"{plain}_{index}")
    return found


def _npy(array: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
