"""What the training process tells and is told: typed events and commands as JSON lines.

Events carry paths, never arrays. Each line is one event; `run_id` lets a reader drop the events of an older run.
The same lines are kept in RUN/events.jsonl, so a curve can be drawn again after a restart.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

MeasuredOn = Literal["validation", "held_out", "training"]
"""Validation tiles; without any, annotations that the run does not train on, or else those that it does train on."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class _Event(_Message):
    run_id: str
    elapsed_s: float = 0.0
    """Seconds since the training process started."""


class RunStarted(_Event):
    """What the run works with."""

    kind: Literal["run_started"] = "run_started"
    run_dir: str
    device: str
    precision: str
    encoder: str
    class_ids: tuple[int, ...]
    n_labeled: int
    n_unlabeled: int
    n_val: int
    n_partly: int = 0
    """How many of the labelled tiles are among the unlabelled too, for their unlabelled pixels."""
    total_steps: int | None
    """None when the budget is minutes."""
    project_settings: tuple[str, ...] = ()
    """The project's own settings that the run has, each as "key = value"."""


class Status(_Event):
    """A sentence that says what the process is doing, for a status line."""

    kind: Literal["status"] = "status"
    message: str
    done: float | None = None
    """As in StepDone; None: not told."""
    eta_s: float | None = None


class Warned(_Event):
    """A sentence the user should read, although training goes on."""

    kind: Literal["warned"] = "warned"
    message: str


class StepDone(_Event):
    """One step: losses by name, unweighted, and the state of the threshold."""

    kind: Literal["step_done"] = "step_done"
    step: int
    progress: float
    """Share of the budget used, 0 to 1."""
    eta_s: float | None
    """Seconds until the run is complete, the final predictions included; None while nothing is known."""
    losses: dict[str, float]
    threshold: float | None
    confident_share: float | None
    """Share of the unlabelled pixels whose fused confidence reached the threshold, 0 to 1."""
    done: float | None = None
    """Share of the run's whole time, the final predictions included, 0 to 1."""
    memory_bytes: int | None = None
    """The most memory that the process has used until now."""
    gpu_memory_bytes: int | None = None
    """The same of a CUDA device's own memory."""


class Paused(_Event):
    """The run waits, saved as it is; it takes no processor time until it is told to go on or to stop."""

    kind: Literal["paused"] = "paused"
    step: int


class Resumed(_Event):
    """The run goes on after a pause."""

    kind: Literal["resumed"] = "resumed"
    step: int


class Saved(_Event):
    """A checkpoint was written."""

    kind: Literal["saved"] = "saved"
    step: int
    seconds: float
    """What it took."""
    every_s: float
    """From one to the next."""


class Validated(_Event):
    """Scores in percent."""

    kind: Literal["validated"] = "validated"
    step: int
    mdice: float | None
    mjaccard: float | None
    dice_by_class: dict[int, float]
    """Class id to Dice in percent; classes without a true pixel are left out."""
    measured_on: MeasuredOn
    n_tiles: int | None = None
    """On how many tiles; None: an earlier version did not say."""
    is_best: bool


class OverlayReady(_Event):
    """New overlays of one tile: single-channel uint8 PNGs of the tile's size.

    prediction and pseudo_label hold class ids (pseudo_label 255 where the fused confidence is below the
    threshold); confidence holds 0 to 255 for 0 to 1.
    """

    kind: Literal["overlay_ready"] = "overlay_ready"
    step: int
    tile: str
    prediction: str
    pseudo_label: str
    confidence: str
    source: Literal["network", "earlier_run", "quick_start", "live"] = "network"
    """What made it: the network in training, that of the previous run, or the pixel classifier, at the
    start of a run or in `live`."""


class Prepared(_Event):
    """The live preview has what it needs to answer a stroke on this tile at once; from now on it idles."""

    kind: Literal["prepared"] = "prepared"
    tile: str
    memory_bytes: int
    """What the process has in memory now."""


class FilePredicted(_Event):
    """`predict` has the result of a file."""

    kind: Literal["file_predicted"] = "file_predicted"
    file: str
    result: str
    """The folder NAME.ome.zarr, or NAME.prediction.png."""
    was_there: bool
    """An earlier run of the same command had made it."""
    left_out: float = 0.0
    """Share of a slide, 0 to 1, that is glass and was not predicted; 0 where it was there."""
    objects: dict[str, int] = {}
    """How many objects it has, by the names of the classes made of objects."""


class FileFailed(_Event):
    """`predict` cannot predict a file; it goes on with the others."""

    kind: Literal["file_failed"] = "file_failed"
    file: str
    message: str


class RunFinished(_Event):
    """The run is complete and its predictions are written."""

    kind: Literal["run_finished"] = "run_finished"
    run_dir: str
    reason: Literal["budget", "stopped"]
    steps: int
    seconds: float
    mdice: float | None
    mjaccard: float | None
    predictions_by: Literal["network", "previous_run", "pixel_classifier"] = "network"
    """Who made the predictions of the tiles: the one with the best Dice."""


class RunFailed(_Event):
    """The run ended with an error that the user can mend."""

    kind: Literal["run_failed"] = "run_failed"
    message: str


Event = Annotated[
    RunStarted
    | Status
    | Warned
    | StepDone
    | Saved
    | Paused
    | Resumed
    | Validated
    | OverlayReady
    | Prepared
    | FilePredicted
    | FileFailed
    | RunFinished
    | RunFailed,
    Field(discriminator="kind"),
]
_event_adapter: TypeAdapter[Event] = TypeAdapter(Event)


class Stop(_Message):
    """Finish the step, save, predict nothing more, exit."""

    command: Literal["stop"] = "stop"


class Pause(_Message):
    """Finish the step, save, and wait; tiles to show are answered meanwhile."""

    command: Literal["pause"] = "pause"


class Resume(_Message):
    """Go on after a pause."""

    command: Literal["resume"] = "resume"


class Leave(_Message):
    """Save what was learned and exit at once; the run is resumed later, and predicts then."""

    command: Literal["leave"] = "leave"


class Show(_Message):
    """Make and refresh the overlays of this tile from now on, the first one at once; `live` reads the labels again."""

    command: Literal["show"] = "show"
    tile: str


class Prepare(_Message):
    """For `live`: these tiles may be painted on soon, the first one most likely, the others after it."""

    command: Literal["prepare"] = "prepare"
    tiles: tuple[str, ...]


class Train(_Message):
    """For `live`: become the training process that this command line of `train` starts, with what is loaded already."""

    command: Literal["train"] = "train"
    arguments: tuple[str, ...]
    """What follows `python -m training_core`."""


Command = Annotated[Stop | Leave | Pause | Resume | Show | Prepare | Train, Field(discriminator="command")]
_command_adapter: TypeAdapter[Command] = TypeAdapter(Command)


def parse_event(line: str) -> Event | None:
    """The event on this line, or None for a line that is not an event (a library's own print)."""
    try:
        return _event_adapter.validate_json(line)
    except ValidationError:
        return None


def parse_command(line: str) -> Command | None:
    """The command on this line, or None for a line that is not a command."""
    try:
        return _command_adapter.validate_json(line)
    except ValidationError:
        return None
