"""The recipe of the two networks: defaults are the paper's, corrected where it was wrong."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AugmentConfig:
    """Random views, in the order of the recipe. There is no vertical flip: no such B-scan exists.

    Attributes:
        enlarge: Side of the resized picture over the side of the random crop (416 / 384).
        operations: RandAugment operations a picture.
        magnitude: Their magnitude, of 10: brightness, contrast and sharpness change by up to
            3 % a step, rotation by 1 degree, translation by 1 % of the side.
        rotation: Largest rotation in degrees.
        shear: Largest shear in degrees.
        scale: Smallest and largest scale.
        brightness: Largest relative change.
        contrast: Largest relative change.
        hflip: Probability.
        blur: Probability of a 3 x 3 Gaussian.
        posterize: Probability of 4 bits.
        erase: Probability of a rectangle of mean grey.
        erase_area: Smallest and largest share of it.
        strength: Scales every magnitude; 0 leaves the plain centre view.
    """

    enlarge: float = 416 / 384
    operations: int = 2
    magnitude: int = 9
    rotation: float = 20.0
    shear: float = 15.0
    scale: tuple[float, float] = (0.85, 1.15)
    brightness: float = 0.3
    contrast: float = 0.3
    hflip: float = 0.5
    blur: float = 0.2
    posterize: float = 0.2
    erase: float = 0.25
    erase_area: tuple[float, float] = (0.02, 0.15)
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """One network and how it is trained; teacher and student have one each.

    Attributes:
        model: Name of a timm model, with or without its tag.
        weights: ``timm`` (its published weights), ``none``, or a local file or folder.
        fundus_model: timm model for a fundus photograph beside the B-scan; empty for none.
            For the teacher only.
        dropout: Before the head.
        drop_path: Stochastic depth.
        batch: B-scans a micro-batch, on each device.
        accumulation: Micro-batches a step.
        epochs: At most.
        patience: Epochs without a better validation accuracy before the end.
        head_rate: Peak learning rate of the head.
        backbone_rate: Peak learning rate of the rest.
        layer_decay: Factor on the rate from a layer to the one before; 0 for one backbone rate.
        weight_decay: AdamW's.
        decay_norms: Decay norms and biases too, as the reference does.
        warmup_epochs: Linear rise; a part of an epoch where epochs are long and few.
        floor: Rate at the end of the cosine, as a share of each group's own peak.
        freeze_epochs: First epochs in which only the head learns and the rest stands in
            evaluation mode.
        loss: ``focal`` or ``cross-entropy``.
        gamma: Of the focal loss.
        class_weights: ``balanced`` (inverse frequency in the training part) or ``none``.
        smoothing: Label smoothing; not with focal.
        mixup: Alpha; 0 is off.
        cutmix: Alpha; 0 is off.
        mix_probability: Share of steps that mix.
        ema: Decay of the exponential average.
        swa_start: First epoch (from 0) whose end enters the average; -1 is off.
        swa_rate: Rate during that phase, for every group.
        clip: Largest gradient norm; 0 is off.
        precision: ``bf16``, ``fp16``, ``fp32``, or ``auto``: bf16, else fp16, on a GPU, and fp32
            on a CPU.
        channels_last: Memory layout.
        compile: torch.compile: ``on``, ``off``, or ``auto``: tried on a GPU and kept if it pays.
        augment: Its views.
    """

    model: str
    weights: str = "timm"
    fundus_model: str = ""
    dropout: float = 0.3
    drop_path: float = 0.3
    batch: int = 4
    accumulation: int = 4
    epochs: int = 150
    patience: int = 25
    head_rate: float = 1e-4
    backbone_rate: float = 2e-5
    layer_decay: float = 0.0
    weight_decay: float = 0.05
    decay_norms: bool = False
    warmup_epochs: float = 10.0
    floor: float = 1e-3
    freeze_epochs: int = 5
    loss: str = "focal"
    gamma: float = 2.0
    class_weights: str = "balanced"
    smoothing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    mix_probability: float = 0.8
    ema: float = 0.9997
    swa_start: int = 100
    swa_rate: float = 1e-5
    clip: float = 1.0
    precision: str = "auto"
    channels_last: bool = True
    compile: str = "auto"
    augment: AugmentConfig = field(default_factory=AugmentConfig)


@dataclass(frozen=True, slots=True)
class DistillConfig:
    """How the student learns from the teacher.

    Attributes:
        temperature: Of both softmaxes.
        soft_weight: Of ``temperature ** 2 * KL(teacher || student)``.
        hard_weight: Of the cross entropy with the labels.
        hard_class_weights: ``balanced`` or ``none``.
        soft_targets: ``online`` (the frozen teacher sees the same augmented view) or ``offline``
            (its answers to the plain views, computed once).
        gate: Smallest validation accuracy of a teacher that may teach.
        warn_below: Below this the teacher or the data is broken.
        outline_weight: Of the term that draws the student's evidence for the labelled disease into
            its outline, on B-scans whose lesion is outlined in the manifest; 0 is off.
        waiver: Why a teacher below the gate may teach all the same; goes onto the model card.
    """

    temperature: float = 4.0
    soft_weight: float = 0.7
    hard_weight: float = 0.3
    hard_class_weights: str = "none"
    soft_targets: str = "online"
    outline_weight: float = 0.0
    gate: float = 0.90
    warn_below: float = 0.85
    waiver: str = ""


STUDENT_AUGMENT = AugmentConfig(
    magnitude=7, rotation=15.0, shear=0.0, scale=(1.0, 1.0), brightness=0.2, contrast=0.2,
    blur=0.0, posterize=0.0, erase=0.2, erase_area=(0.02, 0.1),
)  # fmt: skip

STUDENT = NetworkConfig(
    model="efficientnet_b2.ra_in1k", drop_path=0.0, batch=8, accumulation=2, epochs=100,
    patience=20, head_rate=1e-3, backbone_rate=1e-3, weight_decay=0.01, warmup_epochs=5.0,
    freeze_epochs=0, loss="cross-entropy", class_weights="none", swa_start=-1,
    augment=STUDENT_AUGMENT,
)  # fmt: skip
TEACHER = NetworkConfig(model="convnextv2_large.fcmae_ft_in22k_in1k")
