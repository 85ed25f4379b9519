"""A package that was touched is refused by name, before onnxruntime sees a byte of it."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from kdoct_desktop.domain.errors import ModelError
from kdoct_desktop.inference import archive, package
from kdoct_desktop.inference.package import ModelPackage, read_package
from kdoct_desktop.inference.session import InferenceSession
from kdoct_desktop.inference.signing import public_bytes
from tests.tiny_model import tiny_key, write_tiny_package


@pytest.fixture(scope="module")
def package_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("package") / "tiny.kdmodel"
    write_tiny_package(path)
    return path.read_bytes()


@pytest.fixture(autouse=True)
def trap(monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime must not be asked to open anything in this file."""

    def sprung(*arguments: object, **options: object) -> None:
        raise AssertionError("onnxruntime was opened")

    monkeypatch.setattr(onnxruntime, "InferenceSession", sprung)


def load(path: Path, data: bytes, keys: list[bytes] | None = None) -> ModelPackage:
    """What the worker does with a package."""
    path.write_bytes(data)
    trusted = [public_bytes(tiny_key())] if keys is None else keys
    verified = read_package(path, trusted_keys=trusted)
    InferenceSession(verified, "cpu")
    return verified


def refused(path: Path, data: bytes, keys: list[bytes] | None = None) -> str:
    """The code with which the package is refused."""
    with pytest.raises(ModelError) as caught:
        load(path, data, keys)
    assert str(path) not in caught.value.message
    return caught.value.code


def changed(
    data: bytes, change: Callable[[dict[str, bytes]], object], *, sign: bool = False
) -> bytes:
    """The package with its members changed, and signed again where asked for."""
    members = archive.unpack(data)
    change(members)
    if sign:
        members["signature"] = tiny_key().sign(members["manifest.json"])
    return archive.pack(members)


def with_manifest(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The package with a changed manifest that is signed again."""

    def edit(members: dict[str, bytes]) -> None:
        values = json.loads(members["manifest.json"])
        change(values)
        members["manifest.json"] = json.dumps(values).encode()

    return changed(data, edit, sign=True)


def with_member(data: bytes, name: str, content: bytes) -> bytes:
    """The package with another file whose hash is in the manifest that is signed again."""

    def edit(members: dict[str, bytes]) -> None:
        values = json.loads(members["manifest.json"])
        members[name] = content
        values["files"][name] = hashlib.sha256(content).hexdigest()
        members["manifest.json"] = json.dumps(values).encode()

    return changed(data, edit, sign=True)


def test_the_untouched_package_gets_as_far_as_onnxruntime(
    tmp_path: Path, package_bytes: bytes
) -> None:
    with pytest.raises(AssertionError, match="onnxruntime was opened"):
        load(tmp_path / "x", package_bytes)


def test_two_hundred_flipped_bytes_are_all_refused(tmp_path: Path, package_bytes: bytes) -> None:
    rng = np.random.default_rng(20)
    # half anywhere, half where the small parts lie: directory, manifest, signature
    places = [
        *rng.integers(0, len(package_bytes), 100),
        *rng.integers(len(package_bytes) - 800, len(package_bytes), 60),
        *rng.integers(0, 1200, 40),
    ]
    for place in places:
        data = bytearray(package_bytes)
        data[place] ^= 1 << int(rng.integers(0, 8))
        refused(tmp_path / "x", bytes(data))


def test_a_byte_changed_in_any_file_with_a_right_checksum_is_a_hash_mismatch(
    tmp_path: Path, package_bytes: bytes
) -> None:
    for name in ("model.onnx", "golden.npz", "statistics.npz", "MODEL_CARD.md"):

        def flip(members: dict[str, bytes], name: str = name) -> None:
            middle = len(members[name]) // 2
            members[name] = members[name][:middle] + b"\xff" + members[name][middle + 1 :]

        assert refused(tmp_path / "x", changed(package_bytes, flip)) == "hash-mismatch"


def test_a_changed_manifest_is_a_bad_signature(tmp_path: Path, package_bytes: bytes) -> None:
    def edit(members: dict[str, bytes]) -> None:
        members["manifest.json"] = members["manifest.json"].replace(b"0.5", b"0.9")

    assert refused(tmp_path / "x", changed(package_bytes, edit)) == "bad-signature"


def test_a_package_without_signature_is_unsigned(tmp_path: Path, package_bytes: bytes) -> None:
    data = changed(package_bytes, lambda members: members.pop("signature"))
    assert refused(tmp_path / "x", data) == "unsigned"


def test_an_empty_or_short_signature_is_bad(tmp_path: Path, package_bytes: bytes) -> None:
    for signature in (b"", bytes(63), bytes(64)):

        def replace(members: dict[str, bytes], signature: bytes = signature) -> None:
            members["signature"] = signature

        data = changed(package_bytes, replace)
        assert refused(tmp_path / "x", data) == "bad-signature"


def test_a_package_of_somebody_else_is_an_unknown_key(tmp_path: Path, package_bytes: bytes) -> None:
    assert refused(tmp_path / "x", package_bytes, [public_bytes(tiny_key(5))]) == "unknown-key"
    assert refused(tmp_path / "x", package_bytes, []) == "unknown-key"


def test_naming_a_trusted_key_does_not_help_a_forger(tmp_path: Path, package_bytes: bytes) -> None:
    def forge(members: dict[str, bytes]) -> None:
        members["signature"] = tiny_key(5).sign(members["manifest.json"])

    assert refused(tmp_path / "x", changed(package_bytes, forge)) == "bad-signature"


@pytest.mark.parametrize("version", [0, 2, "1", None, True, 1.5])
def test_an_older_or_newer_format_is_refused(
    tmp_path: Path, package_bytes: bytes, version: object
) -> None:
    data = with_manifest(package_bytes, lambda values: values.update(format=version))
    assert refused(tmp_path / "x", data) == "wrong-format-version"


def test_another_way_of_preparing_b_scans_is_refused(tmp_path: Path, package_bytes: bytes) -> None:
    data = with_manifest(package_bytes, lambda values: values.update(preprocessing="0" * 64))
    assert refused(tmp_path / "x", data) == "wrong-preprocessing"
    data = with_manifest(package_bytes, lambda values: values["input"].update(normalise=True))
    assert refused(tmp_path / "x", data) == "wrong-preprocessing"


def test_a_file_left_out_of_the_manifest_is_refused(tmp_path: Path, package_bytes: bytes) -> None:
    data = with_manifest(package_bytes, lambda values: values["files"].pop("golden.npz"))
    assert refused(tmp_path / "x", data) == "not-a-package"


def test_a_pickle_in_a_table_is_refused_and_does_not_run(
    tmp_path: Path, package_bytes: bytes
) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (str(tmp_path / "ran"),)

    buffer = io.BytesIO()
    bias = np.array([Bomb()], dtype=object)
    np.savez(buffer, bias=bias, ood_means=np.ones((4, 9), np.float32), allow_pickle=True)
    data = with_member(package_bytes, "statistics.npz", buffer.getvalue())
    assert refused(tmp_path / "x", data) == "not-a-package"
    assert not (tmp_path / "ran").exists()


def test_a_table_that_blows_up_is_too_large(
    tmp_path: Path, package_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "LARGEST_TABLES", 1024 * 1024)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("bias.npy", bytes(2 * 1024 * 1024))
    assert len(buffer.getvalue()) < 10_000
    data = with_member(package_bytes, "statistics.npz", buffer.getvalue())
    assert refused(tmp_path / "x", data) == "too-large"


def test_a_model_that_is_not_onnx_is_unsafe(tmp_path: Path, package_bytes: bytes) -> None:
    for content in (b"", b"ORTM", b"\x18\0\0\0ORTM" + bytes(64), bytes(1000), b"\xff" * 1000):
        data = with_member(package_bytes, "model.onnx", content)
        assert refused(tmp_path / "x", data) == "unsafe-graph"


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as packed:
        for name, content in members:
            packed.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return buffer.getvalue()


def test_an_archive_of_another_shape_is_not_a_package(tmp_path: Path, package_bytes: bytes) -> None:
    members = list(archive.unpack(package_bytes).items())
    shapes = {
        "empty": b"",
        "text": b"hello",
        "an empty zip": zipped(),
        "one more file": zipped(*members, ("extra.txt", b"")),
        "a file outside": zipped(*members, ("../model.onnx", b"")),
        "one file less": zipped(*members[1:]),
        "another order": zipped(*members[::-1]),
        "compressed": zipped(*members, method=zipfile.ZIP_DEFLATED),
        "bytes before": b"#!" + package_bytes,
        "bytes after": package_bytes + b"\0",
        "cut off": package_bytes[:-10],
        "half": package_bytes[: len(package_bytes) // 2],
        "a second archive": package_bytes + package_bytes,
    }
    for name, data in shapes.items():
        assert refused(tmp_path / "x", data) == "not-a-package", name


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_there_twice_is_refused(tmp_path: Path, package_bytes: bytes) -> None:
    members = list(archive.unpack(package_bytes).items())
    assert refused(tmp_path / "x", zipped(*members, members[0])) == "not-a-package"


def test_a_member_beyond_its_limit_is_too_large(tmp_path: Path, package_bytes: bytes) -> None:
    members = dict(archive.unpack(package_bytes))
    members["MODEL_CARD.md"] = bytes(archive.SIZE_LIMITS["MODEL_CARD.md"] + 1)
    assert refused(tmp_path / "x", zipped(*members.items())) == "too-large"


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.kdmodel"
    with path.open("wb") as file:
        file.truncate(archive.LARGEST_FILE + 1)
    with pytest.raises(ModelError) as caught:
        read_package(path, trusted_keys=[])
    assert caught.value.code == "too-large"


def test_a_missing_file_or_a_folder_is_not_a_package(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(ModelError) as caught:
            read_package(path, trusted_keys=[])
        assert caught.value.code == "not-a-package"
