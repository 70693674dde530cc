"""A run becomes a shared model: a folder with all that predicts and nothing that names a file, a person or a computer.

What such a folder holds, and how it is read, is `runs.shared_model`'s.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training_core.base.bounded import read_file
from training_core.base.errors import CheckpointError, StorageError, UserError, WeightsError, writing
from training_core.class_maps.confusion_file import read_confusion
from training_core.class_maps.pixel_scores import Confusion
from training_core.io import atomic_write
from training_core.network.encoders.hub import HubSource
from training_core.network.encoders.registry import EncoderSpec, find_spec
from training_core.network.fingerprint import weights_sha256
from training_core.network.model import UniSemAlign, build_model
from training_core.network.weight_files import Tensors
from training_core.prediction.calibration import read_readout
from training_core.project.creation import file_sha256
from training_core.project.prediction_source import Maker, read_prediction_source
from training_core.runs.checkpoint import saved_tensors, write_tensors
from training_core.runs.run_folder import Split, read_run
from training_core.runs.run_records import read_provenance
from training_core.runs.shared_model import (
    SharedEncoder,
    SharedModel,
    SharedNames,
    SharedOrigin,
    SharedReadout,
    SharedScores,
    check_settings,
)
from training_core.runs.shared_names import CARD_NAME, CONFIG_NAME, MODEL_NAME, WEIGHTS_NAME
from training_core.runs.trained_model import TrainedModel, open_trained_model
from training_core.settings.schema import Config, TextConfig
from training_core.sharing.bioimageio import PACKAGE_NAME, check_described, write_package
from training_core.sharing.card import CardFacts, model_card
from training_core.sharing.onnx_graph import GRAPH_NAME, GraphCheck, check_possible, write_graph


@dataclass(frozen=True)
class ShareOptions:
    """What the maker of a shared model says.

    Attributes
    ----------
    name
        What to call it; empty: after its classes.
    licence
        As the Hugging Face hub calls it, such as apache-2.0; empty: yet to be chosen.
    with_names
        Whether the names of the project and of its tiles are written too.
    include_encoder
        Whether weights that an encoder's licence does not let everybody pass on are written all the same.
    authors
        Who made it; bioimage.io asks for them.
    onnx
        Whether the network is written as an ONNX graph too.
    bioimageio
        Whether a package for bioimage.io is written too; it has the graph in it.
    """

    name: str = ""
    licence: str = ""
    with_names: bool = False
    include_encoder: bool = False
    authors: tuple[str, ...] = ()
    onnx: bool = False
    bioimageio: bool = False


@dataclass(frozen=True)
class Shared:
    """A shared model that was written."""

    folder: Path
    model: SharedModel
    graph: GraphCheck | None
    """How the ONNX graph compares with torch; None: there is none."""


def share_run(run_dir: Path, out: Path, options: ShareOptions = ShareOptions()) -> Shared:
    """Write the best weights of a run, and what they predict with, into a new folder.

    Raises
    ------
    CheckpointError
        The run is damaged or has no weights, or is a shared model already.
    WeightsError
        The encoder's own weights are missing here, or their licence does not let everybody pass them on.
    StorageError
        There is something in the folder already, or it cannot be written.
    ConfigError
        A graph or package is asked for that cannot be made.
    """
    trained = open_trained_model(run_dir)
    if trained.shared is not None:
        raise CheckpointError(
            f"{run_dir} is a shared model already", "the folder of a run", "copy the folder as it is to share it again"
        )
    check_new(out)
    if options.onnx or options.bioimageio:
        check_possible(trained.config.encoder.name)
    if options.bioimageio:
        check_described(options.licence, options.authors)
    network = build_model(trained.config, trained.classes, from_checkpoint=True)
    trained.load_into(network)
    encoder = _encoder(trained.config, network, run_dir, options)
    config, tensors = _portable(trained.config, network, is_included=encoder.is_included)
    check_settings(config, run_dir)
    out = out.absolute()
    partial = out.with_name(f".{out.name}.partial")
    with writing(out):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            model = _write(partial, trained, config, tensors, encoder, options)
            check = _write_graph(partial, model, network.eval(), options)
            asked = (options.onnx, options.bioimageio)
            card = model_card(CardFacts(model, config, options.licence, options.authors, check, *asked))
            atomic_write(partial / CARD_NAME, card.encode())
            if out.is_dir():
                out.rmdir()
            os.replace(partial, out)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return Shared(out, model, check)


def check_new(out: Path) -> None:
    """Refuse a folder that holds something.

    Raises
    ------
    StorageError
        It does, or is a file.
    """
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() or out.is_symlink():
        raise StorageError(
            f"{out} is there already", "a new or empty folder for the shared model", "choose another name"
        )


def _all_tensors(network: UniSemAlign, config: Config) -> Tensors:
    """All tensors of a network, its text vectors as they are, so that no text encoder is needed."""
    tensors = network.state_dict()
    if network.text is None or config.text.encoder == "learned":
        return tensors
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith("text.")}
    return kept | {"text.vectors": network.text().detach()}


def _portable(config: Config, network: UniSemAlign, *, is_included: bool) -> tuple[Config, Tensors]:
    """Settings without the files and the device of this computer, and the tensors that belong to them."""
    external = network.encoder_is_external
    tensors = _all_tensors(network, config)
    if external and not is_included:
        left_out = network.state_dict().keys() - saved_tensors(network).keys()
        tensors = {name: tensor for name, tensor in tensors.items() if name not in left_out}
    encoder = {"weights_path": None, "offline": False}
    if external and is_included:
        encoder["pretrained"] = False  # all of it is in the file: nothing is asked for
    return config.model_copy(
        update={
            "encoder": config.encoder.model_copy(update=encoder),
            "text": TextConfig(context_tokens=config.text.context_tokens),
            "runtime": config.runtime.model_copy(update={"device": "auto"}),
        }
    ), tensors


def _encoder(config: Config, network: UniSemAlign, run_dir: Path, options: ShareOptions) -> SharedEncoder:
    """What is said of the encoder, and whether its weights are written."""
    spec = find_spec(config.encoder.name)
    from_scratch = not config.encoder.pretrained and spec.make is None
    is_free = spec.may_be_passed_on or from_scratch or options.include_encoder
    if not is_free and not network.encoder_is_external:
        raise _not_free(spec, run_dir)
    file, page = _published(spec)
    return SharedEncoder(
        name=spec.key,
        licence="none: trained from random weights" if from_scratch else spec.license,
        is_included=is_free,
        file=file,
        page=page,
        sha256=weights_sha256(network.encoder.trunk) if network.encoder_is_external else _base_weights(run_dir),
    )


def _published(spec: EncoderSpec) -> tuple[str | None, str | None]:
    source = spec.source
    if isinstance(source, HubSource) and source.repo is None:
        return None, None
    return source.file, source.page


def _not_free(spec: EncoderSpec, run_dir: Path) -> WeightsError:
    return WeightsError(
        f"the weights of {run_dir.name} hold {spec.title}, trained further, whose licence is {spec.license}",
        "an encoder that everybody may pass on, or one that stayed frozen, which is named and left out",
        "train with a frozen encoder, or share it only if its licence or its publisher lets you",
        terminal="train with encoder.fine_tune=frozen, or add --include-encoder if its licence or its publisher lets "
        "you pass it on",
    )


def _write(
    folder: Path, trained: TrainedModel, config: Config, tensors: Tensors, encoder: SharedEncoder, options: ShareOptions
) -> SharedModel:
    write_tensors(folder / WEIGHTS_NAME, tensors)
    _, _, split = read_run(trained.folder)
    model = SharedModel(
        name=options.name or ", ".join(each.name for each in trained.classes)[:400],
        classes=trained.classes,
        mpp_um=config.data.mpp,
        threshold=float(trained.state["threshold"]),
        readout=SharedReadout.model_validate(asdict(read_readout(trained.state))),
        weights_sha256=file_sha256(folder / WEIGHTS_NAME),
        encoder=encoder,
        scores=network_scores(trained.folder),
        origin=_origin(trained.folder, split, int(trained.state.get("step", 0))),
        names=_names(trained.folder, split) if options.with_names else None,
    )
    atomic_write(folder / CONFIG_NAME, config.model_dump_json(indent=1).encode() + b"\n")
    atomic_write(folder / MODEL_NAME, model.encode())
    return model


def _write_graph(folder: Path, model: SharedModel, network: UniSemAlign, options: ShareOptions) -> GraphCheck | None:
    """The ONNX graph and the package with it, as far as they are asked for."""
    if not (options.onnx or options.bioimageio):
        return None
    graph = folder / GRAPH_NAME
    check = write_graph(network, graph)
    if options.bioimageio:
        write_package(folder / PACKAGE_NAME, model, network, graph, options.licence, options.authors)
    if not options.onnx:
        graph.unlink()
    return check


def network_scores(run_dir: Path) -> SharedScores | None:
    """What the network of a run scored on its validation tiles; None: nothing of that is recorded."""
    if read_prediction_source(run_dir).made_by is not Maker.NETWORK:
        return None  # the run's figures are those of other predictions
    try:
        record = read_confusion(run_dir)
    except UserError:
        return None
    if record is None:
        return None
    confusion = Confusion([each.id for each in record.classes])
    confusion.counts += record.counts
    scores = confusion.scores()
    if scores is None:
        return None
    names = {each.id: each.name for each in record.classes}
    return SharedScores(
        n_tiles=len(record.tiles),
        mdice=scores.mdice,
        mjaccard=scores.mjaccard,
        dice={names[c]: value for c, value in scores.dice.items()},
        jaccard={names[c]: value for c, value in scores.jaccard.items()},
    )


def _origin(run_dir: Path, split: Split, steps: int) -> SharedOrigin:
    provenance = _provenance(run_dir)
    return SharedOrigin(
        run=provenance["run_id"],
        steps=steps,
        seed=provenance["seed"],
        versions=provenance["versions"],
        code_sha256=provenance.get("code_sha256"),
        images_sha256=tuple(sorted(set(provenance["data_sha256"].values()))),
        labels_sha256=provenance["labels_sha256"],
        n_labelled=len(split.labeled),
        n_unlabelled=len(split.unlabeled),
        n_validation=len(split.val),
    )


def _names(run_dir: Path, split: Split) -> SharedNames:
    project = _provenance(run_dir)["project"]["name"]
    return SharedNames(project=project, labelled=split.labeled, unlabelled=split.unlabeled, validation=split.val)


def _base_weights(run_dir: Path) -> str | None:
    found = _provenance(run_dir).get("base_weights_sha256")
    return found if isinstance(found, str) else None


def _provenance(run_dir: Path) -> dict[str, Any]:
    path = run_dir / "provenance.json"
    return read_provenance(read_file(path), path)
