"""From a network to a package that the desktop accepts."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kdoct_desktop.inference.onnx_gate import check_graph
from kdoct_desktop.inference.package import golden_check, read_package
from kdoct_desktop.inference.preprocess import InputSpec, preprocessing_hash
from kdoct_desktop.inference.signing import load_trusted_keys, public_bytes
from tests.training.toy import ToyNetwork, toy
from training.errors import TrainingError
from training.measure.calibrate import Calibration, rule_table
from training.ship.export import (
    ParityError,
    check_parity,
    golden_sample,
    load_key,
    onnx_runner,
    to_onnx,
    write_model,
    write_public_key,
)

SPEC = InputSpec(64, 96)
CODES = ("NORMAL", "DRUSEN", "CNV", "DME")
MANIFEST: dict[str, Any] = {
    "name": "toy", "version": "1.0.0", "created": "2026-05-04T12:30:00Z",
    "demonstration": True, "notice": "Test model: not for any decision about a patient.",
    "classes": [{"code": code, "display": code} for code in CODES], "input": SPEC.to_json(),
    "calibration": {"temperature": 1.2},
    "eye_rule": rule_table(dict.fromkeys(CODES[1:], 0.5), {}, {}),
    "ood": {"measure": "cosine distance to nearest class mean", "threshold": 0.3},
}  # fmt: skip


@pytest.fixture(scope="module")
def network() -> ToyNetwork:
    torch.set_num_threads(1)  # made before the fixture that does this for each test
    return toy(3)


@pytest.fixture(scope="module")
def graph(network: ToyNetwork) -> bytes:
    return to_onnx(network, SPEC)


def inputs(count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).standard_normal((count, 3, 64, 96)).astype(np.float32)


def calibration() -> Calibration:
    means = np.random.default_rng(1).random((4, 12)).astype(np.float32)
    return Calibration(1.2, means, 0.3, MANIFEST["eye_rule"])


def test_graph_and_network_agree_on_five_hundred_pictures(
    network: ToyNetwork, graph: bytes
) -> None:
    parity = check_parity(network, onnx_runner(graph), inputs(512))
    assert parity.pictures == 512
    assert parity.difference <= 1e-5
    assert parity.same_class
    assert parity.completeness < 1e-4


def test_a_graph_of_other_weights_is_caught(graph: bytes) -> None:
    with pytest.raises(ParityError):
        check_parity(toy(4), onnx_runner(graph), inputs(32))


def test_the_graph_takes_any_batch_and_passes_the_desktops_gate(graph: bytes) -> None:
    check_graph(graph, height=64, width=96, classes=4)
    run = onnx_runner(graph)
    for count in (1, 3, 7):
        logits, cam, embedding = run(inputs(count))
        assert logits.shape == (count, 4)
        assert cam.shape == (count, 4, 4, 6)
        assert embedding.shape == (count, 12)


def test_a_written_package_is_accepted_with_its_key_and_answers_as_exported(
    tmp_path: Path, network: ToyNetwork, graph: bytes
) -> None:
    key = load_key(tmp_path / "secret" / "factory.pem")
    run = onnx_runner(graph)
    target = tmp_path / "models" / "toy.kdmodel"
    write_model(
        target,
        graph=graph,
        manifest=MANIFEST,
        golden=golden_sample(run, inputs(4)),
        network=network,
        calibration=calibration(),
        card="# Card\n",
        key=key,
    )
    write_public_key(key, tmp_path / "keys" / "factory.pub")
    keys = load_trusted_keys(tmp_path / "keys")
    assert keys == (public_bytes(key),)
    package = read_package(target, trusted_keys=keys)
    assert package.identity.classes == CODES
    assert package.preprocessing == preprocessing_hash(SPEC)
    assert package.temperature == 1.2

    class Session:
        def run(self, batch: np.ndarray[Any, np.dtype[np.float32]]) -> Any:
            return run(batch)

    assert golden_check(package, Session()) < 1e-6


def test_the_private_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "factory.pem"
    first = load_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert public_bytes(load_key(path)) == public_bytes(first)


def test_a_key_that_others_may_read_or_that_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "site.pem"
    load_key(path)
    path.chmod(0o640)
    with pytest.raises(TrainingError, match="chmod 600") as loose:
        load_key(path)
    path.write_bytes(b"no key")
    path.chmod(0o600)
    with pytest.raises(TrainingError) as damaged:
        load_key(path)
    assert {loose.value.code, damaged.value.code} == {"bad-key"}


def test_jobs_that_want_the_key_at_once_get_the_same(tmp_path: Path) -> None:
    path = tmp_path / "new" / "site.pem"
    with ThreadPoolExecutor(8) as pool:
        keys = {public_bytes(key) for key in pool.map(load_key, [path] * 16)}
    assert len(keys) == 1
    assert [one.name for one in path.parent.iterdir()] == ["site.pem"]


def test_the_golden_sample_is_what_the_network_says(network: ToyNetwork, graph: bytes) -> None:
    sample = golden_sample(onnx_runner(graph), inputs(2))
    with torch.no_grad():
        logits, cam, _ = network.eval()(torch.from_numpy(sample.inputs))
    assert np.allclose(sample.logits, logits.numpy(), atol=1e-4)
    assert np.allclose(sample.cams, cam.numpy(), atol=1e-4)
