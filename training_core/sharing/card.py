"""The model card of a shared model: README.md in the form of the Hugging Face hub, a YAML head and Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from training_core.runs.shared_model import SharedModel
from training_core.runs.shared_names import MODEL_NAME, WEIGHTS_NAME
from training_core.settings.schema import Config
from training_core.sharing.bioimageio import PACKAGE_NAME
from training_core.sharing.onnx_graph import BOUND, GRAPH_NAME, INPUT, OPSET, OUTPUT, GraphCheck

LIBRARY = "napari-unisemalign"
_HOME = "https://github.com/napari-unisemalign/napari-unisemalign"
_PAPER = "https://arxiv.org/abs/2604.09169"


@dataclass(frozen=True)
class CardFacts:
    """What the card tells.

    Attributes
    ----------
    licence
        As the hub calls it; empty: yet to be chosen.
    graph
        How the ONNX graph compares with torch; None: there is none.
    has_graph
        Whether it is a file of the folder.
    has_package
        Whether there is a package for bioimage.io.
    """

    model: SharedModel
    config: Config
    licence: str = ""
    authors: Sequence[str] = ()
    graph: GraphCheck | None = None
    has_graph: bool = False
    has_package: bool = False


def model_card(facts: CardFacts) -> str:
    """The text of README.md."""
    lines = [*_head(facts), *_intro(facts), *_classes(facts.model), *_use(facts), *_encoder(facts.model)]
    return "\n".join([*lines, *_graph(facts), *_scores(facts.model), *_origin(facts)]) + "\n"


def _head(facts: CardFacts) -> Iterator[str]:
    head = {
        "license": facts.licence or "unknown",
        "library_name": LIBRARY,
        "pipeline_tag": "image-segmentation",
        "tags": ["histopathology", "tissue-segmentation", "semantic-segmentation", "semi-supervised", "napari"],
    }
    yield "---"
    yield yaml.safe_dump(head, sort_keys=False, allow_unicode=True).rstrip()
    if not facts.licence:
        yield "# Choose the licence of the weights: https://huggingface.co/docs/hub/repositories-licenses"
    yield "---"


def _intro(facts: CardFacts) -> Iterator[str]:
    model = facts.model
    scale = "as they are" if model.mpp_um is None else f"at {model.mpp_um:g} µm/px, to which images are resampled"
    yield f"\n# {_cell(model.name)}\n"
    yield f"Segments tissue in RGB images into {len(model.classes)} classes. It works on images {scale}."
    yield f"Trained with [{LIBRARY}]({_HOME}) by UniSemAlign ({_PAPER})."
    yield "It is for research, not for diagnosis."
    if facts.authors:
        yield f"\nAuthors: {', '.join(_cell(each) for each in facts.authors)}."


def _classes(model: SharedModel) -> Iterator[str]:
    yield "\n## Classes\n"
    rows = [(str(each.id), _cell(each.name), each.color, _cell(each.prompt)) for each in model.classes]
    yield from _table(("id", "name", "colour", "description"), rows)


def _use(facts: CardFacts) -> Iterator[str]:
    readout, config = facts.model.readout, facts.config
    yield "\n## Use\n"
    yield "```bash"
    yield f'pip install "{LIBRARY}"'
    yield "python -m training_core predict THIS_FOLDER images/ -o predictions/"
    yield "python -m training_core train PROJECT --start-from THIS_FOLDER"
    yield "```\n"
    yield "What happens between an image and its class ids:\n"
    mpp = "no resampling to a pixel size" if facts.model.mpp_um is None else f"to {facts.model.mpp_um:g} µm/px"
    yield from _table(
        ("step", "setting"),
        [
            ("resample", f"{mpp}, then by the scale {readout.scale:.4g}"),
            ("windows", f"{config.inference.side_px} px, step {config.inference.stride_fraction:g} of that"),
            ("views averaged", str(config.inference.n_views)),
            ("every class but the background counts", f"{readout.foreground_weight:.4g} times"),
            ("temperature", f"{readout.temperature:.4g}"),
            ("objects separated", ", ".join(_objects(facts.model)) or "no"),
            ("confidence from which a pixel enters a pseudo-label", f"{facts.model.threshold:.4g}"),
        ],
    )


def _objects(model: SharedModel) -> Iterator[str]:
    for each in model.readout.objects or ():
        if not each.clean_up.is_nothing:
            yield f"{_cell(model.classes[each.class_index].name)}: {each.words(model.mpp_um)}"


def _encoder(model: SharedModel) -> Iterator[str]:
    encoder = model.encoder
    yield "\n## Encoder\n"
    yield f"`{_cell(encoder.name)}`, licence of its published weights: {_cell(encoder.licence)}."
    if encoder.is_included:
        yield f"Its weights are in {WEIGHTS_NAME}, so nothing else is needed; their licence holds for this model too."
        return
    file = f"{encoder.file or 'its weight file'} from {encoder.page or 'its publisher'}"
    yield "Its weights are **not** in this folder, as their licence does not let everybody pass them on. Get"
    yield f"{file} and give it with `--encoder-weights FILE`, or sign in with `hf auth login` once access is granted."
    yield f"The hash of its tensors is checked: SHA-256 `{encoder.sha256}`."


def _graph(facts: CardFacts) -> Iterator[str]:
    check = facts.graph
    if check is None:
        return
    yield "\n## For other programs\n"
    if facts.has_graph:
        yield f"- `{GRAPH_NAME}`: the network in ONNX {OPSET}."
    if facts.has_package:
        yield f"- `{PACKAGE_NAME}`: a package for [bioimage.io](https://bioimage.io) with the same graph."
    yield f"\nInput `{INPUT}`: RGB from 0 to 255, float32, (batch, 3, height, width); height and width are multiples of"
    yield f"{check.multiple_px}. Output `{OUTPUT}`: (batch, {len(facts.model.classes)}, height, width). On random"
    yield f"images onnxruntime differed from torch by at most {check.difference:.1e}, where {BOUND:g} is allowed."
    yield "\nNot in the graph: all steps of the table above, so resampling, blending of windows, views, weights,"
    yield "temperature and the separation of objects. Without them the graph gives other masks than `predict`."


def _scores(model: SharedModel) -> Iterator[str]:
    yield "\n## Scores\n"
    scores = model.scores
    if scores is None:
        yield "No scores of this network on validation tiles were recorded."
        return
    yield f"On {scores.n_tiles} validation {'tile' if scores.n_tiles == 1 else 'tiles'} of the project that it was"
    yield "trained in, which also chose checkpoint, scale and temperature; other data may give other figures.\n"
    rows = [(_cell(name), f"{dice:.2f}", f"{scores.jaccard[name]:.2f}") for name, dice in scores.dice.items()]
    yield from _table(
        ("class", "Dice (%)", "Jaccard (%)"), [*rows, ("mean", f"{scores.mdice:.2f}", f"{scores.mjaccard:.2f}")]
    )


def _origin(facts: CardFacts) -> Iterator[str]:
    origin = facts.model.origin
    yield "\n## Training\n"
    tiles = f"{origin.n_labelled} annotated, {origin.n_unlabelled} unannotated, {origin.n_validation} for validation"
    yield from _table(
        ("", ""),
        [
            ("begun (UTC)", origin.run),
            ("tiles", tiles),
            ("step of the weights", str(origin.steps)),
            ("settings", f"config.json; variant {facts.config.variant}, seed {origin.seed}"),
            ("version", origin.versions.get(LIBRARY, "not recorded")),
        ],
    )
    yield f"\n{MODEL_NAME} holds the versions of all libraries and the hashes of code, images, annotations and weights."


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in (header, ["---"] * len(header), *rows):
        yield f"| {' | '.join(row)} |"


def _cell(text: str) -> str:
    """Text of users as one line that ends no cell and begins no markup."""
    line = " ".join(text.split())
    return "".join(f"\\{each}" if each in "\\|`*_[]<>#" else each for each in line)
