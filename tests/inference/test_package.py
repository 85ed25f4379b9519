"""Model packages: what is written is what is read, and nothing else is."""

from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kdoct_desktop.domain.errors import ModelError
from kdoct_desktop.domain.finding import EyeRule
from kdoct_desktop.inference.input_spec import preprocessing_hash
from kdoct_desktop.inference.package import Golden, read_package
from kdoct_desktop.inference.package_write import write_package
from kdoct_desktop.inference.signing import (
    key_id,
    load_trusted_keys,
    public_bytes,
    public_pem,
)
from tests.tiny_model import (
    CLASSES,
    TinyModel,
    build_tiny,
    tiny_key,
    tiny_spec,
    write_tiny_package,
)


@pytest.fixture(scope="module")
def tiny() -> TinyModel:
    return build_tiny()


def write(path: Path, tiny: TinyModel, **changes: object) -> None:
    """Write the tiny package with some of its parts replaced."""
    parts: dict[str, object] = {
        "onnx_bytes": tiny.onnx_bytes,
        "manifest": tiny.manifest,
        "golden": tiny.golden,
        "bias": tiny.bias,
        "ood_means": tiny.ood_means,
        "card": "# card\n",
        "private_key": tiny_key(),
    }
    write_package(path, **{**parts, **changes})  # type: ignore[arg-type]


def test_a_package_gives_back_everything_that_was_put_in(tmp_path: Path, tiny: TinyModel) -> None:
    path = tmp_path / "tiny.kdmodel"
    write(path, tiny)
    package = read_package(path, trusted_keys=[public_bytes(tiny_key())])
    assert package.onnx_bytes == tiny.onnx_bytes
    assert package.card == "# card\n"
    assert package.input_spec == tiny_spec()
    assert package.preprocessing == preprocessing_hash(tiny_spec())
    assert package.temperature == 1.5
    assert package.ood_threshold == 0.2
    assert package.eye_rule == EyeRule(thresholds=dict.fromkeys(CLASSES[1:], 0.5))
    np.testing.assert_array_equal(package.bias, tiny.bias)
    np.testing.assert_array_equal(package.ood_means, tiny.ood_means)
    for name in ("inputs", "logits", "cams", "embeddings"):
        np.testing.assert_array_equal(getattr(package.golden, name), getattr(tiny.golden, name))


def test_the_identity_names_classes_hash_key_and_notice(tmp_path: Path) -> None:
    path = tmp_path / "tiny.kdmodel"
    key = write_tiny_package(path)
    identity = read_package(path, trusted_keys=[key]).identity
    assert (identity.name, identity.version) == ("tiny", "1.0.0")
    assert identity.classes == CLASSES
    assert identity.display_names[1] == "Drusen"
    assert identity.demonstration
    assert identity.notice.startswith("Test model")
    assert identity.key_id == key_id(key)
    assert len(identity.sha256) == 64


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    write_tiny_package(tmp_path / "a.kdmodel")
    write_tiny_package(tmp_path / "b.kdmodel")
    write_tiny_package(tmp_path / "c.kdmodel", seed=1)
    first, second, other = ((tmp_path / f"{n}.kdmodel").read_bytes() for n in "abc")
    assert first == second
    assert first != other


def test_one_of_several_trusted_keys_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "tiny.kdmodel"
    other = public_bytes(tiny_key(9))
    key = write_tiny_package(path)
    assert read_package(path, trusted_keys=[other, key]).identity.key_id == key_id(key)


def test_nothing_is_written_when_the_desktop_would_refuse_it(
    tmp_path: Path, tiny: TinyModel
) -> None:
    path = tmp_path / "tiny.kdmodel"
    path.write_bytes(b"the package before")
    golden = tiny.golden
    wrong = Golden(golden.inputs, golden.logits + 1, golden.cams, golden.embeddings)
    with pytest.raises(ModelError) as caught:
        write(path, tiny, golden=wrong)
    assert caught.value.code == "wrong-outputs"
    assert path.read_bytes() == b"the package before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["tiny.kdmodel"]


MANIFEST_MISTAKES: dict[str, dict[str, object]] = {
    "no name": {"name": ""},
    "a name of two lines": {"name": "a\nb"},
    "a class twice": {"classes": [{"code": "NORMAL", "display": "Normal"}] * 4},
    "no normal class": {"classes": [{"code": c, "display": c} for c in "ABCD"]},
    "temperature zero": {"calibration": {"temperature": 0.0}},
    "temperature as text": {"calibration": {"temperature": "1"}},
    "no calibration": {"calibration": None},
    "another measure": {"ood": {"measure": "mahalanobis", "threshold": 1.0}},
    "threshold beyond one": {"ood": {"measure": "cosine distance to nearest class mean"}},
    "demonstration not said": {"demonstration": None},
}


@pytest.mark.parametrize("mistake", MANIFEST_MISTAKES)
def test_a_manifest_with_a_mistake_is_refused(
    tmp_path: Path, tiny: TinyModel, mistake: str
) -> None:
    with pytest.raises(ModelError) as caught:
        write(tmp_path / "x", tiny, manifest={**tiny.manifest, **MANIFEST_MISTAKES[mistake]})
    assert caught.value.code == "not-a-package"


RULE_MISTAKES: dict[str, dict[str, object]] = {
    "another rule": {"name": "max"},
    "a newer rule": {"version": 2},
    "a threshold missing": {"thresholds": {"CNV": 0.5}},
    "a threshold too high": {"thresholds": dict.fromkeys(CLASSES[1:], 1.5)},
    "an unknown class": {"scale": {"GLAUCOMA": 1.0}},
    "half a B-scan": {"adjacent": 2.5},
    "not a number": {"min_bscans": True},
}


@pytest.mark.parametrize("mistake", RULE_MISTAKES)
def test_an_eye_rule_with_a_mistake_is_refused(
    tmp_path: Path, tiny: TinyModel, mistake: str
) -> None:
    rule = {**tiny.manifest["eye_rule"], **RULE_MISTAKES[mistake]}
    with pytest.raises(ModelError) as caught:
        write(tmp_path / "x", tiny, manifest={**tiny.manifest, "eye_rule": rule})
    assert caught.value.code == "not-a-package"


def test_an_unknown_input_option_is_refused(tmp_path: Path, tiny: TinyModel) -> None:
    manifest = {**tiny.manifest, "input": {**tiny.manifest["input"], "sharpen": True}}
    with pytest.raises(ModelError) as caught:
        write(tmp_path / "x", tiny, manifest=manifest)
    assert caught.value.code == "bad-input-spec"


def test_tables_that_do_not_fit_the_classes_are_refused(tmp_path: Path, tiny: TinyModel) -> None:
    for changes in (
        {"bias": tiny.bias[:3]},
        {"ood_means": tiny.ood_means[:, :2]},
        {"ood_means": np.zeros_like(tiny.ood_means)},
        {"golden": Golden(*(part[:0] for part in golden_parts(tiny)))},
    ):
        with pytest.raises(ModelError) as caught:
            write(tmp_path / "x", tiny, **changes)
        assert caught.value.code == "wrong-outputs"


def test_a_table_with_a_hole_is_refused(tmp_path: Path, tiny: TinyModel) -> None:
    bias = tiny.bias.copy()
    bias[0] = np.nan
    with pytest.raises(ModelError) as caught:
        write(tmp_path / "x", tiny, bias=bias)
    assert caught.value.code == "not-a-package"


def golden_parts(tiny: TinyModel) -> tuple[np.ndarray, ...]:
    golden = tiny.golden
    return golden.inputs, golden.logits, golden.cams, golden.embeddings


def test_trusted_keys_are_read_from_pem_files_of_several_folders(tmp_path: Path) -> None:
    keys = [public_bytes(Ed25519PrivateKey.generate()) for _ in range(3)]
    for folder, name, key in zip("aab", ("2.pub", "1.pub", "3.pub"), keys, strict=True):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_bytes(public_pem(key))
    (tmp_path / "a" / "notes.txt").write_text("no key")
    found = load_trusted_keys(tmp_path / "a", tmp_path / "b", tmp_path / "missing")
    assert found == (keys[1], keys[0], keys[2])


def test_a_damaged_trusted_key_is_an_error_and_not_left_out(tmp_path: Path) -> None:
    (tmp_path / "site.pub").write_text("-----BEGIN PUBLIC KEY-----\nnonsense\n")
    with pytest.raises(ModelError) as caught:
        load_trusted_keys(tmp_path)
    assert caught.value.code == "bad-key"
    assert str(tmp_path) not in caught.value.message
