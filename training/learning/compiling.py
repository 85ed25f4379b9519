"""torch.compile, where it is asked for or pays."""

import time
from typing import cast

import torch
from torch import Tensor, nn

from training.events import Events
from training.recipe import NetworkConfig

GAIN = 1.05
"""A compiled step must be this much faster than a plain one to be kept."""

_STEPS = 5


def compiled(
    network: nn.Module,
    config: NetworkConfig,
    *,
    device: torch.device,
    size: tuple[int, int],
    deterministic: bool,
    events: Events,
) -> nn.Module:
    """The network to train with: compiled, or as it is. Both share their weights.

    ``auto`` compiles on a GPU only, and only outside deterministic mode: what pays is found by
    timing, and a resumed run must not decide otherwise than the one that it continues.

    Args:
        network: On the device.
        config: Gives ``compile``, ``batch``, ``channels_last``.
        device: Where it trains.
        size: Rows and columns of the input.
        deterministic: As of the run.
        events: Told about a compiler that fails.
    """
    if config.compile == "off":
        return network
    if config.compile == "on":
        return _compile(network)
    if device.type != "cuda" or deterministic or config.fundus_model:
        return network
    sample = torch.zeros(config.batch, 3, *size, device=device)
    if config.channels_last:
        sample = sample.contiguous(memory_format=torch.channels_last)
    return faster(network, sample, events)


def faster(network: nn.Module, sample: Tensor, events: Events) -> nn.Module:
    """The compiled network where it beats the plain one by `GAIN`; the plain one otherwise."""
    other = _compile(network)
    try:
        gain = _step_s(network, sample) / _step_s(other, sample)
    except RuntimeError as error:  # the compiler's own errors are of this class
        reason = str(error).splitlines()[0]
        events.warning("not-compiled", f"torch.compile fails here and is left out: {reason}")
        return network
    finally:
        network.zero_grad(set_to_none=True)
    events.metric("torch.compile", {"gain": round(gain, 3), "kept": gain >= GAIN})
    return other if gain >= GAIN else network


def _step_s(network: nn.Module, sample: Tensor) -> float:
    """Seconds of a forward and backward pass, the fastest of some; batch statistics stay."""
    network.eval()
    best = float("inf")
    for _ in range(_STEPS):
        _wait(sample)
        begun = time.perf_counter()
        answer = network(sample)
        logits = answer[0] if isinstance(answer, tuple) else answer
        logits.sum().backward()
        _wait(sample)
        best = min(best, time.perf_counter() - begun)
    return best


def _wait(sample: Tensor) -> None:
    if sample.is_cuda:
        torch.cuda.synchronize()


def _compile(network: nn.Module) -> nn.Module:
    return cast(nn.Module, torch.compile(network))
