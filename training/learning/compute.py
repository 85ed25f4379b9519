"""Device, precision and processes, through Lightning Fabric: one GPU, several, several machines.

Under torchrun the processes are those that torchrun started; without it Fabric starts them.
"""

import hashlib
import os
import platform
from importlib.metadata import version
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.strategies.strategy import Strategy
from torch import Tensor

from training.config import ComputeConfig
from training.errors import TrainingError
from training.learning.host_memory import keep_memory


def start_fabric(compute: ComputeConfig, precision: str) -> Fabric:
    """A launched Fabric.

    Args:
        compute: Where to run.
        precision: ``auto``, ``bf16``, ``fp16`` or ``fp32``.

    Raises:
        TrainingError: ``no-gpu``: a GPU was asked for and none works here.
    """
    prepare_torch(compute)
    accelerator = choose_accelerator(compute.accelerator)
    if accelerator == "cpu":
        keep_memory()
    devices, nodes = _processes(compute, accelerator)
    several = devices * nodes > 1
    strategy: str | Strategy = "auto"
    if several:
        backend = "nccl" if accelerator == "cuda" else "gloo"
        strategy = DDPStrategy(process_group_backend=backend)
    fabric = Fabric(
        accelerator=accelerator,
        devices=devices,
        num_nodes=nodes,
        strategy=strategy,
        precision=fabric_precision(precision, accelerator),
    )
    fabric.launch()
    return fabric


def prepare_torch(compute: ComputeConfig) -> None:
    """Threads and determinism; must come before the first use of a GPU."""
    if compute.threads:
        torch.set_num_threads(compute.threads)
    if compute.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(compute.deterministic, warn_only=True)
    # filling fresh memory costs time and changes no bit of what is computed
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = not compute.deterministic
    torch.backends.cudnn.deterministic = compute.deterministic


def choose_accelerator(asked: str) -> str:
    """``cuda`` or ``cpu``; a GPU counts only where it computes.

    Raises:
        TrainingError: ``no-gpu``.
    """
    if asked == "cpu":
        return "cpu"
    works, why = gpu_works()
    if works:
        return "cuda"
    if asked == "cuda":
        raise TrainingError(
            "no-gpu", f"A GPU was asked for and none can be used: {why}. Leave the accelerator on "
            "auto, or install the driver that this torch needs."
        )  # fmt: skip
    return "cpu"


def gpu_works() -> tuple[bool, str]:
    """Whether the first GPU multiplies two matrices rightly, and why not."""
    if not torch.cuda.is_available():
        return False, "torch finds none"
    try:
        ones = torch.ones(64, 64, device="cuda")
        right = bool(((ones @ ones) == 64.0).all())
    except RuntimeError as error:
        return False, str(error).splitlines()[0]
    return right, "" if right else "it computes wrongly"


def fabric_precision(asked: str, accelerator: str) -> Any:
    """Fabric's word for a precision.

    Raises:
        TrainingError: ``no-fp16``: only a GPU computes in it.
    """
    if asked == "auto":
        if accelerator == "cpu":
            asked = "fp32"
        else:
            asked = "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    if asked == "fp16" and accelerator == "cpu":
        raise TrainingError("no-fp16", "A processor does not train in fp16; set bf16 or fp32.")
    return {"bf16": "bf16-mixed", "fp16": "16-mixed", "fp32": "32-true"}[asked]


def is_scaled(fabric: Fabric) -> bool:
    """True where the loss is scaled, as fp16 needs it."""
    return getattr(fabric.strategy.precision, "scaler", None) is not None


def is_one_device(fabric: Fabric) -> bool:
    """True where no gradients are exchanged."""
    return bool(fabric.world_size == 1)


def summed(fabric: Fabric, values: Tensor, *, reduce_op: str = "sum") -> Tensor:
    """A tensor added up over all processes."""
    return cast(Tensor, fabric.all_reduce(values, reduce_op=reduce_op))


def seed_from(*parts: object) -> int:
    """A 63-bit seed that follows from the parts alone."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def versions() -> dict[str, str]:
    """Of what computed."""
    import timm

    found = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "timm": timm.__version__,
        "lightning-fabric": version("lightning-fabric"),
    }
    if torch.cuda.is_available():
        found["cuda"] = str(torch.version.cuda)
        found["gpu"] = torch.cuda.get_device_name()
    return found


def _processes(compute: ComputeConfig, accelerator: str) -> tuple[int, int]:
    """Processes on each machine, and machines."""
    if "LOCAL_WORLD_SIZE" in os.environ and "RANK" in os.environ:  # torchrun
        local = int(os.environ["LOCAL_WORLD_SIZE"])
        return local, int(os.environ["WORLD_SIZE"]) // local
    if compute.devices:
        return compute.devices, compute.nodes
    return (torch.cuda.device_count() if accelerator == "cuda" else 1), compute.nodes
