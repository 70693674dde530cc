"""`share`: a run as a folder that predicts without its project."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from training_core.runs.shared_names import CARD_NAME, MODEL_NAME, WEIGHTS_NAME

if TYPE_CHECKING:  # it imports torch
    from training_core.runs.shared_model import SharedModel


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "share",
        help="write a run as a model that others can use",
        description="Writes the best weights of a run and all that they predict with into one folder, which `predict`, "
        f"`evaluate` and `train --start-from` take in the place of a run: {WEIGHTS_NAME}, config.json, {MODEL_NAME} "
        f"and the model card {CARD_NAME} in the form of the Hugging Face hub. It holds no names of tiles, files, "
        "people or computers. Weights of an encoder whose licence does not let everybody pass them on are left out "
        "and named with their hash.",
        epilog="""\
examples:
  python -m training_core share colon/runs/RUN -o colon-glands
  python -m training_core share colon/runs/RUN -o colon-glands --license mit
  python -m training_core share colon/runs/RUN -o colon-glands --onnx""",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="run folder, in PROJECT/runs")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FOLDER", help="folder to write: new or empty")
    parser.add_argument("--name", metavar="TEXT", help="name of the model (default: its classes)")
    parser.add_argument(
        "--license",
        metavar="ID",
        help="licence of the weights for the model card, such as apache-2.0 (default: unknown, to be filled in)",
    )
    parser.add_argument("--with-names", action="store_true", help="write the names of the project and of its tiles too")
    parser.add_argument(
        "--include-encoder",
        action="store_true",
        help="write the encoder's weights even if their licence does not let everybody pass them on; only if you may",
    )
    others = parser.add_argument_group("for other programs")
    others.add_argument(
        "--onnx",
        action="store_true",
        help="write the network as an ONNX graph too, model.onnx, and compare it with torch on random images",
    )
    others.add_argument(
        "--bioimageio",
        action="store_true",
        help="write a bioimage.io package with the graph too, bioimageio.zip; needs --license and --author",
    )
    others.add_argument(
        "--author", action="append", default=[], metavar="NAME", help="who made the model; can be repeated"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Share the run; returns the exit code."""
    from training_core.cli._prediction_note import note_on_predictions
    from training_core.sharing.onnx_graph import BOUND
    from training_core.sharing.share import ShareOptions, share_run

    options = ShareOptions(
        args.name or "",
        args.license or "",
        args.with_names,
        args.include_encoder,
        tuple(args.author),
        args.onnx,
        args.bioimageio,
    )
    shared = share_run(args.run_folder, args.out, options)
    note_on_predictions(args.run_folder)
    _tell(shared.model, args.out)
    if shared.graph is not None:
        print(
            f"ONNX: the largest difference from torch on random images is {shared.graph.difference:.1e} (at most "
            f"{BOUND:g} is allowed). Heights and widths are multiples of {shared.graph.multiple_px} px. {CARD_NAME} "
            "says what is outside the graph."
        )
    return 0


def _tell(model: SharedModel, out: Path) -> None:
    """What was written, and what was not."""
    print(f"Wrote the model to {out}: {', '.join(sorted(path.name for path in out.iterdir()))}")
    encoder = model.encoder
    if not encoder.is_included:
        needed = f"{encoder.file} from {encoder.page}" if encoder.page else (encoder.file or "its weight file")
        print(
            f"Left out: the weights of {encoder.name} (licence {encoder.licence}). Those who use the model need "
            f"{needed}; the hash of its tensors is in {MODEL_NAME}."
        )
    else:
        print(f"Included: the weights of {encoder.name} (licence {encoder.licence}).")
    if model.names is not None:
        print("Included as asked: the names of the project and of its tiles.")
    if model.scores is None:
        print("The model has no scores: the run has no validation tiles, or its network did not predict them.")
    print(
        f"Read {CARD_NAME} before you pass the folder on; what it says of licence and purpose is for you to complete."
    )
