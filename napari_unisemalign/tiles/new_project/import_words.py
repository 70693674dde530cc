"""An `Overview` in the window's words: what files become, and the choices of what has to be answered first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from napari_unisemalign.app.notify import in_a_sentence
from napari_unisemalign.tiles.new_project.import_overview_view import OverviewLine
from training_core.base.i18n import ntr, tr
from training_core.base.printable import printable
from training_core.io.inspection import Choice, Question
from training_core.project.inputs.matching import HowMatched, Matches
from training_core.project.inputs.overview import UNUSUAL_FACTOR, Becomes, InputFile, Overview
from training_core.project.sources import FOLDER, HIDDEN, NO_ENDING

WHAT_IS_ASKED = {
    Question.PHOTOMETRIC: tr("0 is stored as white, so programs disagree about the values. Which ones are meant?"),
    Question.ORIENTATION: tr("a tag tells viewers to turn or mirror the image. How are images and masks used?"),
    Question.USED_BITS: tr(
        "16 bits per channel, but no bright values, as from a camera with fewer bits. What is white?"
    ),
    Question.CHANNELS: tr("no channel is stated to be red, green or blue. Which are used?"),
    Question.GREY_VALUES: tr("grey of 2 or 4 bits: class ids for some programs, shades of grey for others. Which?"),
    Question.ALPHA: tr("the last channel may be transparency or something else. What is it?"),
    Question.PLANE: tr("several images in one file. Which one is used?"),
    Question.MASK_HOLDS: tr("more values than masks of classes have. What are they?"),
    Question.SOFT_EDGES: tr("soft edges, where two values or colours are blended. How are they used?"),
}
"""What follows the names of the files."""
_CHOICES = {
    (Question.PHOTOMETRIC, "as-stated"): tr("As viewers show it: white is the highest value"),
    (Question.PHOTOMETRIC, "black-is-zero"): tr("As stored: what viewers show white is 0"),
    (Question.ORIENTATION, "as-shown"): tr("As viewers show it"),
    (Question.ORIENTATION, "as-stored"): tr("As the pixels are stored, without the tag"),
    (Question.CHANNELS, "1,2,3"): tr("The first three channels as red, green and blue"),
    (Question.GREY_VALUES, "as-stored"): tr("Class ids, as stored"),
    (Question.GREY_VALUES, "spread"): tr("Shades of grey, from 0 to 255"),
    (Question.ALPHA, "over-white"): tr("Transparency: shown over white"),
    (Question.ALPHA, "left-out"): tr("Something else: left out"),
    (Question.MASK_HOLDS, "numbered-objects"): tr("Objects of one class; they are kept apart"),
    (Question.MASK_HOLDS, "classes"): tr("Values, or ranges of values, are classes"),
    (Question.SOFT_EDGES, "half"): tr("A blend gets the value or colour that it is closer to"),
    (Question.SOFT_EDGES, "classes"): tr("Every value or colour is a class of its own"),
}


def question_words(question: Question, files: Sequence[Path]) -> str:
    """The question about these files, in one sentence."""
    return f"{_and_more([path.name for path in files])}: {WHAT_IS_ASKED[question]}"


def choice_words(question: Question, choice: Choice) -> str:
    """An answer to choose."""
    if (question, choice.name) in _CHOICES:
        return _CHOICES[question, choice.name]
    if question is Question.PLANE:
        return tr("Image {number}").format(number=choice.name)
    if question is Question.USED_BITS:
        bits = int(choice.name)
        return tr("{bits} bits: {value} is white").format(bits=bits, value=2**bits - 1)
    return printable(f"{choice.meaning[:1].upper()}{choice.meaning[1:]}")


def _bad_lines(overview: Overview) -> tuple[str, ...]:
    """The files that cannot be used, by their names alone: the folder is the one that was chosen."""
    paths = {file.path.name: str(file.path) for file in overview.files}
    paths |= {mask.name: str(mask) for mask in (overview.masks or {}).values()}
    lines = []
    for each in overview.bad:
        name, words = printable(each.name), in_a_sentence(each.error)
        whole = printable(paths.get(each.name, ""))
        words = words.replace(whole, name) if whole else words
        lines.append(words if words.startswith(name) else f"{name}: {words}")
    return tuple(lines)


def images_sentence(overview: Overview) -> str:
    """How many images and slides there are, and what they state about their pixel size; empty where there are none."""
    tiles, slides = overview.of(Becomes.TILE), overview.of(Becomes.SLIDE)
    parts = []
    if tiles:
        words = ntr("{count} image", "{count} images", len(tiles))
        parts.append(words.format(count=f"{len(tiles):,}"))
    if slides:
        words = ntr("{count} slide, cut into tiles", "{count} slides, cut into tiles", len(slides))
        parts.append(words.format(count=f"{len(slides):,}"))
    known = [file.mpp_um for file in tiles if file.mpp_um is not None]
    if len(known) == len(tiles) and known and max(known) <= 1.005 * min(known):
        parts.append(tr("the files state {mpp} µm/px").format(mpp=f"{known[0]:.3g}"))
    elif known:
        parts.append(tr("the files state several pixel sizes, or some state none"))
    elif tiles:
        parts.append(tr("the files state no pixel size"))
    return ", ".join(parts) + "." if parts else ""


def masks_sentence(overview: Overview) -> str:
    """How many images have a mask; empty where no masks are given."""
    if overview.matches is None:
        return ""
    count = len(overview.matches.found)
    words = ntr("{count} image has a mask.", "{count} images have a mask.", count).format(count=f"{count:,}")
    return words + (" " + tr("Name what the values mean:") if overview.mask_values else "")


def there_line(names: Sequence[str]) -> tuple[OverviewLine, ...]:
    """The images that the project has already."""
    if not names:
        return ()
    words = ntr(
        "{count} image is in the project already and stays as it is",
        "{count} images are in the project already and stay as they are",
        len(names),
    )
    return (OverviewLine(words.format(count=f"{len(names):,}"), tuple(names)),)


def sides_line(sides: Sequence[str]) -> tuple[OverviewLine, ...]:
    """Patients, slides or copies of an image with some images in training and others in validation."""
    if not sides:
        return ()
    words = ntr(
        "{count} patient, slide or image in training and validation",
        "{count} patients, slides or images in training and validation",
        len(sides),
    )
    return (OverviewLine(words.format(count=f"{len(sides):,}"), tuple(sides), is_warning=True),)


def overview_lines(overview: Overview) -> Iterator[OverviewLine]:
    """What a person should know before the files become a project; what needs a look first."""
    lines = [
        *_on_files(overview),
        *_on_sizes(overview),
        *(_on_masks(overview.matches) if overview.matches is not None else ()),
        *_on_doubts(overview),
    ]
    yield from sorted(lines, key=lambda line: not line.is_warning)


def _on_files(overview: Overview) -> Iterator[OverviewLine]:
    tiles, slides = overview.of(Becomes.TILE), overview.of(Becomes.SLIDE)
    if tiles:
        words = ntr("{count} image becomes a tile", "{count} images become tiles", len(tiles))
        yield OverviewLine(words.format(count=f"{len(tiles):,}"), tuple(_file(each) for each in tiles))
    if slides:
        words = ntr("{count} slide is cut into tiles", "{count} slides are cut into tiles", len(slides))
        yield OverviewLine(words.format(count=f"{len(slides):,}"), tuple(_file(each) for each in slides))
    unclear = {each.path for each in overview.unclear}
    for becomes, words in (
        (Becomes.MASK, tr("Not used as images, because they look like masks: {count}")),
        (Becomes.OWN_OUTPUT, tr("Not used as images, because this program wrote them: {count}")),
    ):
        files = [each for each in overview.of(becomes) if each.path not in unclear]
        if files:
            yield OverviewLine(words.format(count=f"{len(files):,}"), _names(each.path for each in files))
    if overview.left_out:
        parts = ", ".join(f"{count:,} {_kind(kind)}" for kind, count in overview.left_out.items())
        yield OverviewLine(tr("Left out of the folder: {parts}").format(parts=parts))
    if overview.bad:
        words = ntr("{count} file cannot be used", "{count} files cannot be used", len(overview.bad))
        yield OverviewLine(words.format(count=f"{len(overview.bad):,}"), _bad_lines(overview), is_warning=True)


def _kind(kind: str) -> str:
    return {FOLDER: tr("folders"), HIDDEN: tr("hidden"), NO_ENDING: tr("without an ending")}.get(kind, printable(kind))


def _file(file: InputFile) -> str:
    facts = file.facts
    size = "" if facts is None else f", {facts.width_px} × {facts.height_px} px"
    tiles = (
        "" if file.tiles is None else ", " + ntr("{count} tile", "{count} tiles", file.tiles).format(count=file.tiles)
    )
    return f"{printable(file.path.name)}{size}{tiles}, {_size(file)}"


def _size(file: InputFile) -> str:
    if file.mpp_um is None:
        return tr("no pixel size")
    source = "" if file.mpp_from is None else f" ({file.mpp_from.replace('_', ' ')})"
    return f"{file.mpp_um:.4g} µm/px{source}"


def _on_sizes(overview: Overview) -> Iterator[OverviewLine]:
    files = [*overview.of(Becomes.TILE), *overview.of(Becomes.SLIDE)]
    if not files:
        return
    if overview.unusual:
        words = ntr(
            "{count} unusual pixel size, beyond a factor of {factor:g}",
            "{count} unusual pixel sizes, beyond a factor of {factor:g}",
            len(overview.unusual),
        )
        yield OverviewLine(
            words.format(factor=UNUSUAL_FACTOR, count=len(overview.unusual)),
            tuple(f"{printable(each.path.name)}: {_size(each)}" for each in overview.unusual),
            is_warning=True,
        )
    absurd = [each for each in files if each.states_nonsense]
    if absurd:
        words = ntr(
            "{count} file states an implausible pixel size; not used",
            "{count} files state an implausible pixel size; not used",
            len(absurd),
        )
        names = tuple(f"{printable(each.path.name)}: {_stated(each)}" for each in absurd)
        yield OverviewLine(words.format(count=f"{len(absurd):,}"), names, is_warning=True)
    sizes = Counter(_size(each) for each in files)
    if len(sizes) > 1:
        lines = tuple(
            ntr("{size}: {count} file", "{size}: {count} files", count).format(size=size, count=f"{count:,}")
            for size, count in sizes.most_common()
        )
        yield OverviewLine(tr("{count} different pixel sizes").format(count=f"{len(sizes):,}"), lines)


def _stated(file: InputFile) -> str:
    assert file.facts is not None
    assert file.facts.pixel_size is not None
    stated = file.facts.pixel_size
    return f"{stated.x_um:.4g} µm/px ({stated.stated_in.replace('_', ' ')})"


def _on_masks(matches: Matches) -> Iterator[OverviewLine]:
    if matches.found:
        words = ntr("{count} image has a mask", "{count} images have a mask", len(matches.found))
        pairs = tuple(f"{name}: {printable(match.mask.name)}" for name, match in matches.found.items())
        yield OverviewLine(words.format(count=f"{len(matches.found):,}"), pairs)
    for how, count in matches.count().items():
        if how is not HowMatched.SAME:
            words = ntr("{count} mask matched by {how}", "{count} masks matched by {how}", count)
            files = tuple(
                f"{name}: {printable(match.mask.name)}" for name, match in matches.found.items() if match.how is how
            )
            yield OverviewLine(words.format(count=f"{count:,}", how=how.sentence), files)
    if matches.ambiguous:
        words = ntr(
            "{count} image is left out, because it could have several masks or share one with another image",
            "{count} images are left out, because they could have several masks or share one with another image",
            len(matches.ambiguous),
        )
        files = tuple(f"{name}: {', '.join(_names(masks))}" for name, masks in matches.ambiguous.items())
        yield OverviewLine(words.format(count=f"{len(matches.ambiguous):,}"), files, is_warning=True)
    if matches.images:
        words = ntr("{count} image has no mask", "{count} images have no mask", len(matches.images))
        nearest = tr("{image}: the most similar mask is {mask}")
        files = tuple(
            nearest.format(image=name, mask=printable(matches.nearest[name].name)) if name in matches.nearest else name
            for name in matches.images
        )
        yield OverviewLine(words.format(count=f"{len(matches.images):,}"), files, is_warning=True)
    if matches.masks:
        words = ntr("{count} mask has no image", "{count} masks have no image", len(matches.masks))
        yield OverviewLine(words.format(count=f"{len(matches.masks):,}"), _names(matches.masks), is_warning=True)


def _on_doubts(overview: Overview) -> Iterator[OverviewLine]:
    if overview.one_and_255 is not None:
        words = tr("Some masks hold 1, others 255: perhaps the same class")
        yield OverviewLine(words, _names(overview.one_and_255), is_warning=True)
    if overview.palettes_differ is not None:
        words = tr("Masks give the same value different colours, so it may mean different classes")
        yield OverviewLine(words, _names(overview.palettes_differ), is_warning=True)
    if overview.cloud_copies:
        words = ntr(
            "{count} image may be a copy that a cloud drive made; leave it out if it is",
            "{count} images may be copies that a cloud drive made; leave out those that are",
            len(overview.cloud_copies),
        )
        pairs = tuple(f"{printable(copy.name)} = {printable(other.name)}" for copy, other in overview.cloud_copies)
        yield OverviewLine(words.format(count=len(pairs)), pairs, is_warning=True)
    if overview.identical:
        count = sum(len(group) for group in overview.identical)
        words = tr("{count} images are copies of each other")
        groups = tuple(" = ".join(group) for group in overview.identical)
        yield OverviewLine(words.format(count=count), groups, is_warning=True)


def _names(paths: Iterable[Path]) -> tuple[str, ...]:
    return tuple(printable(path.name) for path in paths)


def _and_more(names: Sequence[str]) -> str:
    if len(names) == 1:
        return printable(names[0])
    words = ntr("{name} and {count} more file", "{name} and {count} more files", len(names) - 1)
    return words.format(name=printable(names[0]), count=f"{len(names) - 1:,}")
