"""What a configuration may not say: impossible values, and options that would have no effect."""

from training.config import LEFT_OUT, Config
from training.recipe import AugmentConfig, DistillConfig, NetworkConfig
from training.settings_file import config_problem

PRECISIONS = ("auto", "bf16", "fp16", "fp32")


def check(config: Config) -> None:
    """Check a whole configuration.

    Raises:
        TrainingError: ``bad-configuration``; the sentence names the key.
    """
    _classes(config)
    for name, network in (("teacher", config.teacher), ("student", config.student)):
        _network(name, network)
        _augment(f"{name}.augment", network.augment)
    if config.student.fundus_model:
        raise config_problem("student.fundus_model: the student sees OCT alone")
    mixes = config.student.mixup or config.student.cutmix
    if mixes and config.distill.soft_targets == "offline":
        raise config_problem("student.mixup needs soft targets of the mixed view (online)")
    if mixes and config.distill.outline_weight:
        raise config_problem("distill.outline_weight needs views that student.mixup does not mix")
    _distill(config.distill)
    _data(config)
    _choice("compute.accelerator", config.compute.accelerator, ("auto", "cpu", "cuda"))
    _choice("evaluate.views", config.evaluate.views, ("single", "tta"))
    _share("evaluate.sensitivity", config.evaluate.sensitivity)
    if config.evaluate.faithful < 0:
        raise config_problem("evaluate.faithful must be 0 or more")


def _classes(config: Config) -> None:
    codes = config.classes.codes
    if len(codes) < 2 or len(set(codes)) != len(codes) or "NORMAL" not in codes:
        raise config_problem("classes.codes needs NORMAL and at least one disease, each once")
    targets = {*codes, LEFT_OUT}
    for label, code in config.classes.labels.items():
        if code not in targets:
            raise config_problem(f"classes.labels.{label} names {code}, which is no class")
    if unknown := set(config.classes.display) - set(codes):
        raise config_problem(f"classes.display names {sorted(unknown)[0]}, which is no class")


def _network(where: str, network: NetworkConfig) -> None:
    _choice(f"{where}.loss", network.loss, ("focal", "cross-entropy"))
    _choice(f"{where}.class_weights", network.class_weights, ("balanced", "none"))
    _choice(f"{where}.precision", network.precision, PRECISIONS)
    _choice(f"{where}.compile", network.compile, ("auto", "on", "off"))
    for name in ("batch", "accumulation", "epochs", "patience"):
        if getattr(network, name) < 1:
            raise config_problem(f"{where}.{name} must be 1 or more")
    for name in ("dropout", "drop_path", "smoothing", "floor"):
        if not 0.0 <= getattr(network, name) < 1.0:
            raise config_problem(f"{where}.{name} must be from 0 up to, not including, 1")
    for name in ("head_rate", "backbone_rate"):
        if getattr(network, name) <= 0.0:
            raise config_problem(f"{where}.{name} must be more than 0")
    if network.smoothing and network.loss == "focal":
        raise config_problem(f"{where}.smoothing has no effect with the focal loss")
    if (network.mixup or network.cutmix) and network.loss == "focal":
        raise config_problem(f"{where}.mixup and cutmix have no effect with the focal loss")
    if (network.mixup or network.cutmix) and network.fundus_model:
        raise config_problem(f"{where}.mixup and cutmix do not mix fundus photographs")
    if not 0.0 <= network.ema < 1.0:
        raise config_problem(f"{where}.ema must be from 0 up to, not including, 1")
    if not 0.0 <= network.layer_decay <= 1.0:
        raise config_problem(f"{where}.layer_decay must be from 0 to 1")
    if network.freeze_epochs >= network.epochs:
        raise config_problem(f"{where}.freeze_epochs leaves no epoch for the backbone")


def _augment(where: str, augment: AugmentConfig) -> None:
    if augment.enlarge < 1.0:
        raise config_problem(f"{where}.enlarge must be 1 or more")
    for name in ("hflip", "blur", "posterize", "erase"):
        _share(f"{where}.{name}", getattr(augment, name))
    for name in ("scale", "erase_area"):
        low, high = getattr(augment, name)
        if not 0.0 < low <= high:
            raise config_problem(f"{where}.{name} needs two rising values above 0")
    if augment.strength < 0.0:
        raise config_problem(f"{where}.strength must be 0 or more")


def _distill(distill: DistillConfig) -> None:
    _choice("distill.soft_targets", distill.soft_targets, ("online", "offline"))
    _choice("distill.hard_class_weights", distill.hard_class_weights, ("balanced", "none"))
    if distill.temperature <= 0.0:
        raise config_problem("distill.temperature must be more than 0")
    if min(distill.soft_weight, distill.hard_weight, distill.outline_weight) < 0.0:
        raise config_problem("the weights of distill must not be negative")
    if distill.soft_weight + distill.hard_weight <= 0.0:
        raise config_problem("distill.soft_weight and hard_weight are both 0")
    if not 0.0 <= distill.warn_below <= distill.gate <= 1.0:
        raise config_problem("distill.warn_below and gate must rise from 0 to 1")


def _data(config: Config) -> None:
    _share("data.labelled_share", config.data.labelled_share)
    if not config.data.labelled_share:
        raise config_problem("data.labelled_share must be more than 0")
    strange = sorted(set(config.export.credits) - set(config.data.datasets))
    if config.data.datasets and strange:
        raise config_problem(f"export.credits names {strange[0]}, which is not in data.datasets")
    if config.data.unlabelled and not config.distill.soft_weight:
        raise config_problem("data.unlabelled has no effect without distill.soft_weight")
    if config.split.folds < 2 and not config.split.official_test:
        raise config_problem("split.folds must be 2 or more")
    if not 0 <= config.split.near_duplicate_bits <= 40:
        raise config_problem("split.near_duplicate_bits must be from 0 to 40")
    if not 0.0 < config.split.validation < 1.0:
        raise config_problem("split.validation must lie between 0 and 1")


def _choice(where: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise config_problem(f"{where} must be one of {', '.join(allowed)}")


def _share(where: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise config_problem(f"{where} must be from 0 to 1")
