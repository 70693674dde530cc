"""`encoders`: the pretrained encoders that have a name here."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from training_core.cli._arguments import write_json

if TYPE_CHECKING:  # they import torch
    from training_core.network.encoders.registry import EncoderSpec
    from training_core.network.text.registry import TextTower


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "encoders",
        help="list the pretrained encoders: licence, access, whether the weights are on this machine",
        description="Lists the encoders that the setting encoder.name accepts; it accepts any timm model name "
        "too. Weights are read from encoder.weights_path, else from the local Hugging Face cache, "
        "else downloaded from the Hugging Face hub.",
    )
    parser.add_argument(
        "--json", metavar="FILE", help="write the list, with the text encoders, as JSON (- for standard output)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List them; returns the exit code."""
    from training_core.network.encoders.registry import REGISTRY

    encoders = [_described(spec) for spec in REGISTRY.values()]
    if args.json:
        from training_core.network.text.registry import TOWERS

        text = [_text_described(key, tower) for key, tower in TOWERS.items()]
        write_json({"spec_version": 1, "encoders": encoders, "text_encoders": text}, args.json)
    if args.json != "-":
        _print_table(encoders)
    return 0


def _described(spec: EncoderSpec) -> dict[str, Any]:
    local = spec.source.local()
    return {
        "key": spec.key,
        "title": spec.title,
        "license": spec.license,
        "access": spec.source.access,
        "page": spec.source.page,
        "file": spec.source.file,
        "local_file": None if local is None else str(local),
        "family": spec.family,
        "cell_px": spec.cell_px,
        "taps": spec.taps,
        "mpp_um": spec.mpp_um,
        "mean": spec.mean,
        "std": spec.std,
    }


def _text_described(key: str, tower: TextTower) -> dict[str, Any]:
    weights = tower.weights
    local = weights.local()
    return {
        "key": key,
        "title": weights.model,
        "license": tower.licence,
        "access": weights.access,
        "page": weights.page,
        "file": weights.file,
        "local_file": None if local is None else str(local),
    }


def _print_table(encoders: list[dict[str, Any]]) -> None:
    header = ("encoder.name", "weights on disk", "patch or stride", "licence", "access")
    rows = [
        (
            each["key"],
            "yes" if each["local_file"] else "no",
            f"{'patch' if each['family'] == 'vit' else 'stride'} {each['cell_px']}",
            each["license"],
            each["access"],
        )
        for each in encoders
    ]
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header) - 1)]
    for row in (header, *rows):
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]))
