"""The options of `project new` and `project add`: which files, what their masks mean, and what is asked about them."""

from __future__ import annotations

import argparse
from pathlib import Path

from training_core.base.addresses import path_or_address
from training_core.base.errors import ConfigError
from training_core.cli._answer_options import add_answer_options
from training_core.io.slides import SlideOptions

CLASSES_HELP = (
    'classes and their mask values, such as "background=0,gland=255"; "unlabelled=7" ignores a value; "gland=1-40" is '
    'for masks that number their objects, "gland=#ff0000" for coloured masks; without masks, names are enough: '
    '"background,gland". A name with a comma, "=" or a quotation mark is written in quotation marks: '
    "'\"gland, benign\"=1,stroma=2'"
)


def add_import_options(parser: argparse.ArgumentParser, classes_default: str) -> None:
    """Describe the options that a new project and an addition share."""
    parser.add_argument(
        "--images",
        type=path_or_address,
        nargs="+",
        required=True,
        metavar="PATH",
        help="images, folders of images, or addresses of OME-Zarr images",
    )
    parser.add_argument("--reference", action="store_true", help="leave the images where they are, without a copy")
    parser.add_argument(
        "--mpp",
        type=float,
        metavar="MPP",
        help="pixel size in µm/px of the images and slides that state none; one that states a wrong size is "
        "corrected with 'project pixel-size'",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="only list what each file would become, which mask belongs to which image, and what is left out",
    )
    parser.add_argument("--json", metavar="FILE", help="write the list of --dry-run as JSON (- for standard output)")
    _add_mask_options(parser, classes_default)
    _add_validation_options(parser)
    _add_slide_options(parser)
    answers = parser.add_argument_group(
        "files among the images that may be none", "Needed only where the program asks for them."
    )
    answers.add_argument(
        "--mask-files",
        choices=("masks", "images", "leave-out"),
        help="what to do with files among the images that look like masks: use them as the masks of the other images, "
        "take them as images, or leave them out",
    )
    answers.add_argument(
        "--own-outputs",
        choices=("images", "leave-out"),
        help="what to do with predictions and exported masks of this program among the images",
    )
    add_answer_options(parser)


def _add_mask_options(parser: argparse.ArgumentParser, classes_default: str) -> None:
    masks = parser.add_argument_group("masks")
    masks.add_argument(
        "--masks",
        type=Path,
        metavar="DIR",
        help="folder of masks named like the images; endings such as _mask and -labelled, Unicode form and case may "
        "differ where only one mask fits",
    )
    masks.add_argument(
        "--mask-names", metavar="PATTERN", help='what the masks are called, such as "{name}_tissue" for a.png'
    )
    masks.add_argument("--classes", metavar="LIST", help=f"{CLASSES_HELP} ({classes_default})")
    masks.add_argument(
        "--labeled",
        type=Path,
        metavar="LIST",
        help="file with the names of the images whose masks are imported: text with one name per line (a comment "
        'starts with "# "), or CSV (default: all that have a mask; an empty file: none)',
    )


def _add_validation_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("validation")
    group.add_argument("--val", type=Path, metavar="LIST", help="file with the names of the validation images")
    group.add_argument(
        "--draw-val",
        type=float,
        metavar="PERCENT",
        help="draw about this share of the images with masks for validation, whole cases only",
    )
    group.add_argument("--seed", type=int, default=0, metavar="N", help="seed of that draw (default: 0)")
    add_case_options(group)


def add_case_options(parser: argparse._ActionsContainer) -> None:
    """Describe the options that say which images belong together."""
    parser.add_argument(
        "--group-by",
        metavar="PATTERN",
        help='what of a name is its case (patient or slide), such as "{case}_*"; * stands for anything',
    )
    parser.add_argument("--groups", type=Path, metavar="FILE", help="CSV file with an image and its case in each row")
    parser.add_argument(
        "--group-column", metavar="NAME", help="its column of cases (default: case, patient, group, subject or slide)"
    )


def _add_slide_options(parser: argparse.ArgumentParser) -> None:
    slides = parser.add_argument_group("tiles of slides")
    slides.add_argument(
        "--tile-px", type=int, default=512, metavar="N", help="side of the tiles cut from slides, in px (default: 512)"
    )
    slides.add_argument(
        "--tile-mpp",
        type=float,
        default=0.5,
        metavar="MPP",
        help="pixel size of these tiles in µm/px (default: 0.5, about 20x)",
    )
    slides.add_argument(
        "--max-tiles", type=int, default=500, metavar="N", help="maximum number of tiles per slide (default: 500)"
    )
    slides.add_argument(
        "--min-tissue",
        type=float,
        default=25,
        metavar="PERCENT",
        help="share of tissue that a tile needs (default: 25)",
    )
    slides.add_argument(
        "--tissue-saturation",
        type=float,
        metavar="PERCENT",
        help="saturation above which a slide shows tissue and not glass (default: found for each slide, 4 to 10)",
    )


def slide_options(args: argparse.Namespace) -> SlideOptions:
    """How slides are cut.

    Raises
    ------
    ConfigError
        A number out of range.
    """
    if not 0 <= args.min_tissue <= 100:
        raise ConfigError(f"--min-tissue is {args.min_tissue:g}", "0 to 100 percent", "--min-tissue 10 for thin tissue")
    least = args.tissue_saturation
    if least is not None and not 0 <= least <= 100:
        raise ConfigError(
            f"--tissue-saturation is {least:g}", "0 to 100 percent", "--tissue-saturation 4 for pale tissue"
        )
    return SlideOptions(
        tile_px=args.tile_px,
        tile_mpp_um=args.tile_mpp,
        max_tiles=args.max_tiles,
        min_tissue=args.min_tissue / 100,
        min_saturation=None if least is None else least / 100,
    )
