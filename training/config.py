"""The configuration of a run: every number of the method, with where it comes from.

Defaults are those of the paper's recipe as corrected in `training`; a data set is a TOML file in
``configs/``, never a copied script. Options that would have no effect are refused.
"""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kdoct_desktop.inference.input_spec import InputSpec
from training.recipe import STUDENT, TEACHER, DistillConfig, NetworkConfig
from training.settings_file import build, merged, override, read_toml

CONFIGS = Path(__file__).parent / "configs"
LEFT_OUT = "-"
"""Class of a label whose B-scans are left out by name."""


@dataclass(frozen=True, slots=True)
class ClassesConfig:
    """The classes of the run.

    Attributes:
        codes: Class codes in the order of the outputs; NORMAL is among them.
        display: What the user is shown; the code where left out.
        labels: Label in the data to class code; ``"-"`` leaves its B-scans out. A label that is
            neither a code nor named here is an error.
    """

    codes: tuple[str, ...]
    display: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InputConfig:
    """What the networks see; one function, shared with the desktop, makes it.

    Attributes:
        height: Rows.
        width: Columns.
        fill_graphics: Fill white wedges, position icons and scale bars with background.
        normalise: Pin the grey scale at background, median tissue and bright tissue.
        crop_rows: Cut out the rows that hold tissue.
    """

    height: int = 384
    width: int = 384
    fill_graphics: bool = True
    normalise: bool = True
    crop_rows: bool = True

    @property
    def spec(self) -> InputSpec:
        """The desktop's description of the same."""
        return InputSpec(
            self.height,
            self.width,
            fill_graphics=self.fill_graphics,
            normalise=self.normalise,
            crop_rows=self.crop_rows,
        )


@dataclass(frozen=True, slots=True)
class DataConfig:
    """Which B-scans of the manifest take part.

    Attributes:
        datasets: Names of data sets; all where empty.
        worst_case: Keep only B-scans whose label is the class of their volume: the filter of the
            literature on NEH, which needs the diagnosis that it predicts. Off is like use.
        labelled_share: Share of the training patients whose labels are used; the others serve
            soft targets only. Drawn by patient, from the run's seed.
        unlabelled: Use B-scans without a label in the soft term.
    """

    datasets: tuple[str, ...] = ()
    worst_case: bool = False
    labelled_share: float = 1.0
    unlabelled: bool = False


@dataclass(frozen=True, slots=True)
class SplitConfig:
    """How patients are divided.

    Attributes:
        folds: Number of folds; each patient is tested once.
        seed: Of the only draw.
        validation: Share of a fold's other patients that validates.
        near_duplicate_bits: Perceptual hashes (256 bits) that differ in so many bits or fewer are
            near-duplicates.
        official_test: Test on the data set's own test part in every fold, without its patients
            in training.
    """

    folds: int = 5
    seed: int = 43
    validation: float = 0.2
    near_duplicate_bits: int = 24
    official_test: bool = False


@dataclass(frozen=True, slots=True)
class ComputeConfig:
    """Where and how it runs.

    Attributes:
        seed: Of weights, order, views and dropout.
        deterministic: Same bits for the same machine, device and library versions.
        accelerator: ``auto``, ``cpu`` or ``cuda``.
        devices: On each machine; 0 takes all GPUs, or one process on a CPU.
        nodes: Machines.
        threads: Of torch on a CPU; 0 leaves torch's choice.
        loader_threads: Threads that make views; 0 takes the number of cores.
        checkpoint_minutes: Longest time between two checkpoints within an epoch.
    """

    seed: int = 0
    deterministic: bool = True
    accelerator: str = "auto"
    devices: int = 0
    nodes: int = 1
    threads: int = 0
    loader_threads: int = 0
    checkpoint_minutes: float = 10.0


@dataclass(frozen=True, slots=True)
class EvaluateConfig:
    """How networks are measured.

    Attributes:
        views: ``single`` or ``tta``: the same five views for teacher and student.
        resamples: Of the patient bootstrap.
        sensitivity: Operating thresholds are the highest that keep this sensitivity for each
            disease on the validation part.
        faithful: B-scans of a fold for the student's deletion and insertion curves; each costs 36
            forward passes, and 0 leaves the curves out.
        sharpen: The temperature may make answers bolder. Not where validation is easier than use,
            as simulated pictures are.
    """

    views: str = "single"
    resamples: int = 1000
    sensitivity: float = 0.95
    faithful: int = 12
    sharpen: bool = True


@dataclass(frozen=True, slots=True)
class ExportConfig:
    """What the package says about itself.

    Attributes:
        name: Of the model.
        version: Of the model.
        demonstration: Announce it as a demonstration.
        notice: Sentence for window and report.
        half: Also write a variant with float16 weights where parity holds.
        waiver: Why a package may be written although the evaluation blocks the promotion of its
            network; goes onto the model card.
        remarks: Sentences for the limits on the model card: what whoever reads it must know of how
            the model was made.
        credits: Data set to its licence and makers, where a licence asks for their names; stands
            on the model card.
    """

    name: str = "site-model"
    version: str = "1.0.0"
    demonstration: bool = False
    notice: str = "Trained at this site: not validated, research use only."
    half: bool = False
    waiver: str = ""
    remarks: tuple[str, ...] = ()
    credits: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Config:
    """One run."""

    classes: ClassesConfig
    input: InputConfig = field(default_factory=InputConfig)
    data: DataConfig = field(default_factory=DataConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    teacher: NetworkConfig = TEACHER
    student: NetworkConfig = STUDENT
    distill: DistillConfig = field(default_factory=DistillConfig)
    compute: ComputeConfig = field(default_factory=ComputeConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    export: ExportConfig = field(default_factory=ExportConfig)

    def to_json(self) -> dict[str, Any]:
        """Plain values, tuples as lists: what is saved with a run."""
        values: dict[str, Any] = plain(dataclasses.asdict(self))
        return values


def load_config(source: str | Path, words: list[str] | None = None) -> Config:
    """Read a configuration.

    Args:
        source: A TOML file, or the name of one in ``configs/``.
        words: ``section.key=value`` overrides.

    Raises:
        TrainingError: ``bad-configuration``; the sentence names the key.
    """
    path = Path(source)
    if path.suffix != ".toml" and (CONFIGS / f"{source}.toml").is_file():
        path = CONFIGS / f"{source}.toml"
    return make_config(override(read_toml(path), words or []))


def make_config(values: dict[str, Any]) -> Config:
    """A configuration from tables; networks start from the recipe's values.

    Raises:
        TrainingError: ``bad-configuration``.
    """
    recipe = {"teacher": plain(dataclasses.asdict(TEACHER)),
              "student": plain(dataclasses.asdict(STUDENT))}  # fmt: skip
    config = build(Config, merged(recipe, values))
    from training.config_rules import check

    check(config)
    return config


def plain(value: Any) -> Any:
    """Tuples as lists, all the way down."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value
