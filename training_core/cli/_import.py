"""What `project new` and `project add` are given, looked over: what is told, and what has to be answered first."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from training_core.base.arrays import UNLABELED
from training_core.base.errors import ConfigError, ProjectError
from training_core.cli import _overview_text
from training_core.cli._answer_options import answers_of
from training_core.cli._arguments import write_json
from training_core.cli._counter import counted
from training_core.cli._failures import exit_code
from training_core.cli._import_options import slide_options
from training_core.cli._questions import questions
from training_core.project import Project
from training_core.project.cases import cases_by_pattern, cases_by_table, draw_validation
from training_core.project.class_text import parse_classes, propose_classes
from training_core.project.file_records import NO_ANSWERS, FileAnswers
from training_core.project.importing import plan_labels
from training_core.project.inputs.lists import read_names
from training_core.project.inputs.look_over import Given, look_over
from training_core.project.inputs.matching import no_match
from training_core.project.inputs.names import resolve_names
from training_core.project.inputs.overview import Becomes, InputFile, Overview
from training_core.project.planning import ImportOptions


@dataclass(frozen=True)
class Import:
    """What was asked for and what was found."""

    args: argparse.Namespace
    values: Mapping[str, int]
    answers: FileAnswers
    overview: Overview
    labeled: list[str] | None
    val: list[str]
    cases: Mapping[str, str]
    notes: tuple[str, ...]

    def options(self) -> ImportOptions:
        """What `Project.create` and `add_files` take alike."""
        return {
            "masks": self.overview.matches,
            "mask_values": self.values or None,
            "labeled": self.labeled,
            "val": self.val,
            "reference": self.args.reference,
            "mpp_um": self.args.mpp,
            "slides": slide_options(self.args),
            "answers": self.answers,
            "cases": self.cases,
        }

    @property
    def images(self) -> list[Path]:
        """The files to add; those that cannot be read are named as such when they are tried."""
        taken = (Becomes.TILE, Becomes.SLIDE, Becomes.NOTHING)
        return [file.path for file in self.overview.files if file.becomes in taken]


def look(args: argparse.Namespace, values: Mapping[str, int], kept: FileAnswers = NO_ANSWERS) -> Import:
    """Look over the files.

    Parameters
    ----------
    values
        Which class a mask's values, ranges and colours mean.
    kept
        The answers that a project keeps.

    Raises
    ------
    UserError
        A missing folder, a list that cannot be read, or options that contradict each other.
    """
    answers = _file_answers(args).over(kept)
    given = Given(
        args.images,
        args.masks,
        args.mask_names,
        values or None,
        answers,
        args.mask_files,
        args.own_outputs,
        args.mpp,
        slide_options(args),
    )
    with counted("Looking at the files") as progress:
        overview = look_over(given, pixels=args.dry_run or args.val is not None, progress=progress)
    names = [file.name for file in overview.files]
    told: list[str] = []
    labeled, val = _names(args.labeled, told), _names(args.val, told) or []
    cases = _cases(args, names, told)
    if args.draw_val is not None:
        val = _draw(args, overview, labeled, cases)
        labeled = None if labeled is None else [name for name in labeled if name not in set(val)]
        told.append(f"Drawn for validation: {', '.join(val)}.")
    told.extend(_overview_text.notes(overview, val))
    others = overview.stating_another(args.mpp)
    if others:
        first = f"{others[0].path.name} ({others[0].mpp_um:.4g} µm/px)"
        told.append(
            f"{len(others)} files state another pixel size than --mpp {args.mpp:g}, and theirs is used, such as "
            f"{first}. Correct one that is wrong with: project pixel-size"
        )
    return Import(args, values, answers, overview, labeled, val, cases, tuple(told))


def _file_answers(args: argparse.Namespace) -> FileAnswers:
    """The answers of the options; those that only masks ask for are no answers about images."""
    answers = answers_of(args)
    of_masks = {"photometric": None, "grey_values": None, "mask_holds": None, "soft_edges": None}
    return FileAnswers(replace(answers, **of_masks), answers)


def _names(path: Path | None, told: list[str]) -> list[str] | None:
    if path is None:
        return None
    found = read_names(path)
    if found.ignored:
        told.append(f"Comments in {path.name}, not names: {'; '.join(found.ignored[:3])}.")
    return list(found.names)


def _cases(args: argparse.Namespace, names: list[str], told: list[str]) -> Mapping[str, str]:
    if args.group_by is not None and args.groups is not None:
        raise ConfigError("both --group-by and --groups are given", "one of them", "leave one out")
    if args.group_by is not None:
        found = cases_by_pattern(args.group_by, names)
    elif args.groups is not None:
        found = cases_by_table(args.groups, names, args.group_column)
    else:
        return {}
    without = [name for name in names if name not in found]
    told.append(f"{len(found)} images belong to {len(set(found.values()))} cases.")
    if without:
        told.append(f"Without a case: {', '.join(without[:5])}" + (" ..." if len(without) > 5 else "") + ".")
    return found


def _draw(
    args: argparse.Namespace, overview: Overview, labeled: list[str] | None, cases: Mapping[str, str]
) -> list[str]:
    if args.val is not None:
        raise ConfigError("both --val and --draw-val are given", "one of them", "leave one out")
    if not 0 < args.draw_val < 100:
        raise ConfigError(f"--draw-val is {args.draw_val:g}", "a share between 0 and 100 percent", "--draw-val 20")
    with_mask = list(overview.masks or {})
    if labeled is not None:
        wanted = set(resolve_names(labeled, [file.name for file in overview.files], "the list of labelled images"))
        with_mask = [name for name in with_mask if name in wanted]
    return list(draw_validation(with_mask, cases, args.draw_val / 100, args.seed))


def values_in(text: str | None, project: Project) -> Mapping[str, int]:
    """What mask values mean in a project that is there: classes by their names, else as when it was made."""
    if text is None:
        return project.index.answers.mask.mask_values or {}
    named, values = parse_classes(text)
    ids = {each.name.casefold(): each.id for each in project.classes} | {"": UNLABELED}
    names = {each.id: each.name.casefold() for each in named} | {UNLABELED: ""}
    unknown = [each.name for each in named if each.name.casefold() not in ids]
    if unknown:
        has = ", ".join(each.name for each in project.classes)
        hint = f'write "unlabelled" for pixels to ignore, or add the class {unknown[0]} to the project first'
        raise ProjectError(f"--classes has {unknown[0]}, which is no class of the project", f"its classes: {has}", hint)
    return {value: ids[names[class_id]] for value, class_id in values.items()}


def show(found: Import) -> int:
    """What --dry-run prints; returns the exit code.

    Raises
    ------
    ConfigError, ProjectError
        As `refuse_what_is_open`.
    """
    overview = found.overview
    if found.args.json:
        write_json(_overview_text.as_dict(overview, found.val), found.args.json)
    if found.args.json != "-":
        for line in (*_overview_text.file_lines(overview), *found.notes):
            print(line)
    refuse_what_is_open(found)
    return exit_code(overview.bad)


def say(sentences: Iterable[str]) -> None:
    """Tell what a person should know, on standard error."""
    for sentence in sentences:
        print(f"Note: {sentence}", file=sys.stderr)


def refuse_what_is_open(found: Import) -> None:
    """Nothing is made before every question is answered.

    Raises
    ------
    ConfigError
        Says which option answers it, with its choices.
    ProjectError
        Masks of which it is not said what their values mean, or a list with names that no image has.
    MaskError
        A listed image without a mask, or no mask that is any image's.
    """
    overview, args = found.overview, found.args
    masks = [file for file in overview.unclear if file.becomes is Becomes.MASK]
    own = [file for file in overview.unclear if file.becomes is Becomes.OWN_OUTPUT]
    if masks:
        raise _unclear(
            masks, overview, "look like masks", "--mask-files masks (of the other images), images or leave-out"
        )
    if own:
        raise _unclear(own, overview, "were written by this program", "--own-outputs leave-out or images")
    if overview.asked:
        raise questions(overview.asked)
    if (
        overview.matches is not None
        and not overview.masks
        and not overview.matches.ambiguous
        and args.masks is not None
    ):
        raise no_match([file.name for file in overview.files], args.masks, overview.matches)
    if overview.masks and not found.values:
        given = "masks are given, but not what their values mean"
        if args.classes is not None:
            given = f'--classes "{args.classes}" does not give the mask values'
        raise _values_needed(given, overview)
    if overview.masks and len(overview.unnamed) == len(overview.masks):
        path, values = next(iter(overview.unnamed.items()))
        raise _values_needed(f"mask {path} holds the value {values[0]}, which no class has", overview)
    if not overview.of(Becomes.SLIDE):  # the names of tiles that are cut from slides are not known yet
        names = [file.name for file in overview.files if file.path in set(found.images)]
        plan_labels(names, (), masks=overview.matches, mask_values=found.values, labeled=found.labeled, val=found.val)


def _unclear(files: list[InputFile], overview: Overview, what: str, needed: str) -> ConfigError:
    first = ", ".join(file.path.name for file in files[:3])
    given = f"{len(files)} of {len(overview.files)} files {what} ({first}{', ...' if len(files) > 3 else ''})"
    return ConfigError(given, f"what to do with them: {needed}", "choose one")


def _values_needed(given: str, overview: Overview) -> ProjectError:
    counts = overview.mask_values
    found = ", ".join(list(counts)[:12]) + (", ..." if len(counts) > 12 else "")
    return ProjectError(f"{given} (the masks have {found})", "a class for each value", propose_classes(counts))
