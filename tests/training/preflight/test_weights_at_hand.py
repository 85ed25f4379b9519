"""Can the initial weights be had, and under which licence?"""

import dataclasses
from pathlib import Path

import pytest

from tests.training.tiny_run import tiny_config
from training.preflight.checks import FAILED, OK, WARNING
from training.preflight.weights_at_hand import weights_at_hand


@pytest.mark.parametrize(
    ("cached", "reachable", "state", "words"),
    [
        (True, False, OK, "lies on this machine"),
        (False, True, OK, "can be fetched"),
        (False, False, FAILED, "cannot be fetched"),
    ],
)
def test_weights_are_on_the_machine_reachable_or_not_to_be_had(
    cached: bool, reachable: bool, state: str, words: str
) -> None:
    student = tiny_config().student
    config = dataclasses.replace(student, model="efficientnet_b2.ra_in1k", weights="timm")
    found = weights_at_hand(config, cached=lambda name: cached, reachable=lambda name: reachable)
    assert found[0] == state
    assert words in found[1]
    assert found[2]["licence"] == "Apache-2.0"
    assert "for example" not in found[1]


def test_a_licence_that_forbids_commerce_is_a_warning_and_local_weights_must_exist(
    tmp_path: Path,
) -> None:
    config = tiny_config().teacher
    large = dataclasses.replace(
        config, model="convnextv2_large.fcmae_ft_in22k_in1k", weights="timm"
    )
    state, sentence, _ = weights_at_hand(large, cached=lambda name: True)
    assert state == WARNING
    assert "not for commercial use" in sentence
    assert "Teachers under Apache-2.0 are for example convnext_large.fb_in22k_ft_in1k" in sentence
    (tmp_path / "w.safetensors").write_bytes(b"x")
    there = dataclasses.replace(config, weights=str(tmp_path / "w.safetensors"))
    assert weights_at_hand(there)[0] == OK
    gone = dataclasses.replace(config, weights=str(tmp_path / "none.safetensors"))
    state, sentence, _ = weights_at_hand(gone)
    assert state == FAILED
    assert str(tmp_path) not in sentence
    for model in ("nothing", "efficientnet_b2.no_such_tag"):
        unpublished = dataclasses.replace(config, model=model, weights="timm")
        assert weights_at_hand(unpublished)[0] == FAILED
    assert weights_at_hand(dataclasses.replace(config, weights="lite2"))[0] == OK
