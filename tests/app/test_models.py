"""The registry of models, with real signed packages and the real inference process."""

import functools
import hashlib
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from kdoct_desktop.app.models import FACTORY, ModelRegistry
from kdoct_desktop.domain.errors import Cancelled, ModelError
from kdoct_desktop.inference.package_write import write_package
from kdoct_desktop.inference.signing import public_bytes, public_pem
from tests.tiny_model import build_tiny, tiny_key, write_tiny_package


@functools.cache
def tiny_package(name: str, version: str) -> bytes:
    """Content of a package that the test key signed; made once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.kdmodel"
        write_tiny_package(path, manifest={"name": name, "version": version})
        return path.read_bytes()


class Site:
    """A program with a factory model, an empty data folder, and packages from outside."""

    def __init__(self, root: Path) -> None:
        self.data = root / "data"
        self.resources = root / "resources"
        self.outside = root / "outside"
        for folder in (self.resources / "models", self.resources / "keys", self.outside):
            folder.mkdir(parents=True)
        (self.resources / "models" / "factory.kdmodel").write_bytes(tiny_package("factory", "1.0"))
        (self.resources / "keys" / "factory.pub").write_bytes(public_pem(public_bytes(tiny_key())))
        self.registry = ModelRegistry(data=self.data, resources=self.resources)

    def package(self, version: str) -> Path:
        path = self.outside / f"{version}.kdmodel"
        path.write_bytes(tiny_package("site", version))
        return path

    def put(self, version: str) -> str:
        """Place a package as an earlier installation would have; return its reference."""
        path = self.package(version)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        target = self.data / "models" / f"site-{version}-{digest[:8]}.kdmodel"
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
        return target.stem

    def files(self) -> list[str]:
        return sorted(path.name for path in self.data.rglob("*") if path.is_file())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def code_of(failure: pytest.ExceptionInfo[ModelError]) -> str:
    return failure.value.code


def test_the_factory_model_is_there_and_in_use_before_anything_was_installed(site: Site) -> None:
    (model,) = site.registry.models()
    assert model.reference == FACTORY
    assert model.active
    assert model == site.registry.active()
    assert model.card.startswith("# Tiny model")
    assert site.files() == []


def test_a_package_is_installed_under_a_name_with_its_hash_but_not_put_to_use(site: Site) -> None:
    path = site.package("2.0")
    steps: list[int] = []

    def note(done: int, total: int, step: str) -> None:
        steps.append(done)

    model = site.registry.install(path, provider="cpu", progress=note)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert model.reference == f"site-2.0-{digest[:8]}"
    assert model.identity.sha256 == digest
    assert not model.active
    assert site.files() == [f"{model.reference}.kdmodel"]
    assert steps == [0, 1, 2]
    assert site.registry.active().reference == FACTORY
    assert [known.reference for known in site.registry.models()] == [FACTORY, model.reference]


def test_the_same_package_twice_is_one_model(site: Site) -> None:
    site.put("2.0")
    before = site.files()
    again = site.registry.install(site.package("2.0"), provider="cpu")
    assert again.reference == site.registry.models()[1].reference
    assert site.files() == before


def test_a_model_of_this_computer_that_gives_other_golden_outputs_is_not_installed(
    site: Site,
) -> None:
    tiny = build_tiny()
    logits, cams = tiny.golden.logits.copy(), tiny.golden.cams.copy()
    logits[:, 0] += 1.0  # evidence and outputs still agree, the network gives others
    cams[:, 0] += 1.0
    path = site.outside / "other.kdmodel"
    write_package(
        path,
        onnx_bytes=tiny.onnx_bytes,
        manifest=tiny.manifest,
        golden=replace(tiny.golden, logits=logits, cams=cams),
        bias=tiny.bias,
        ood_means=tiny.ood_means,
        card="",
        private_key=tiny_key(),
    )
    with pytest.raises(ModelError) as refusal:
        site.registry.install(path, provider="cpu")
    assert code_of(refusal) == "golden-mismatch"
    assert site.files() == []


def test_a_package_signed_by_somebody_else_is_refused_until_the_site_adds_the_key(
    site: Site,
) -> None:
    path = site.outside / "own.kdmodel"
    key = write_tiny_package(path, key=tiny_key(9))
    with pytest.raises(ModelError):
        site.registry.install(path, provider="cpu")
    assert site.files() == []
    (site.data / "keys").mkdir(parents=True)
    (site.data / "keys" / "site.pub").write_bytes(public_pem(key))
    assert site.registry.install(path, provider="cpu").identity.key_id
    assert len(site.registry.trusted_keys()) == 2


def test_an_interrupted_install_leaves_nothing_behind(site: Site) -> None:
    def stop(done: int, total: int, step: str) -> None:
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        site.registry.install(site.package("2.0"), provider="cpu", progress=stop)
    assert site.files() == []


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18), b"no package"])
def test_something_else_is_refused_before_anything_runs(content: bytes, site: Site) -> None:
    path = site.outside / "else.kdmodel"
    path.write_bytes(content)
    with pytest.raises(ModelError) as refusal:
        site.registry.install(path, provider="cpu")
    assert code_of(refusal) == "not-a-package"
    assert site.files() == []


def test_going_back_walks_through_the_models_that_were_in_use(site: Site) -> None:
    two, three = site.put("2.0"), site.put("3.0")
    registry = site.registry
    assert registry.activate(two).active
    assert registry.activate(two).reference == two
    registry.activate(three)
    assert [model.active for model in registry.models()] == [False, False, True]
    assert registry.rollback().reference == two
    assert registry.rollback().reference == FACTORY
    with pytest.raises(ModelError) as nothing:
        registry.rollback()
    assert code_of(nothing) == "no-earlier-model"
    assert registry.active().reference == FACTORY


def test_going_back_passes_over_a_model_that_is_gone(site: Site) -> None:
    two, three = site.put("2.0"), site.put("3.0")
    site.registry.activate(two)
    site.registry.activate(three)
    (site.data / "models" / f"{two}.kdmodel").unlink()
    assert site.registry.rollback().reference == FACTORY


def test_a_model_is_found_by_reference_hash_or_name(site: Site) -> None:
    two = site.put("2.0")
    model = site.registry.find(two)
    assert site.registry.find("site") == model
    assert site.registry.find(model.identity.sha256[:6].upper()) == model
    assert site.registry.find(None).reference == FACTORY
    site.put("3.0")
    with pytest.raises(ModelError) as several:
        site.registry.find("site")
    assert code_of(several) == "ambiguous-model"
    for name in ("nobody", model.identity.sha256[:5], "../factory", ""):
        with pytest.raises(ModelError) as unknown:
            site.registry.find(name)
        assert code_of(unknown) == "unknown-model"


def test_a_damaged_package_is_told_apart_cannot_be_used_and_leaves_the_choice_alone(
    site: Site,
) -> None:
    two = site.put("2.0")
    path = site.data / "models" / f"{two}.kdmodel"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert [model.reference for model in site.registry.models()] == [FACTORY]
    (bad,) = site.registry.damaged()
    assert bad.reference == two
    with pytest.raises(ModelError):
        site.registry.activate(two)
    assert site.registry.active().reference == FACTORY


def test_when_the_model_in_use_is_gone_none_takes_its_place_silently(site: Site) -> None:
    two = site.put("2.0")
    site.registry.activate(two)
    (site.data / "models" / f"{two}.kdmodel").unlink()
    with pytest.raises(ModelError) as gone:
        site.registry.active()
    assert code_of(gone) == "no-model"
    assert site.registry.activate(FACTORY).active


def test_without_a_factory_model_the_sentence_says_what_to_do(tmp_path: Path) -> None:
    registry = ModelRegistry(data=tmp_path / "data", resources=tmp_path / "resources")
    with pytest.raises(ModelError, match="install a model package"):
        registry.active()
    assert registry.models() == ()


@pytest.mark.parametrize(
    "state",
    ["", "[]", "{}", '{"schema": 2, "active": "factory", "history": []}',
     '{"schema": 1, "active": 3, "history": []}',
     '{"schema": 1, "active": "factory", "history": [1]}'],
)  # fmt: skip
def test_a_state_file_that_is_not_understood_is_refused_and_kept(state: str, site: Site) -> None:
    path = site.data / "models" / "registry.json"
    path.parent.mkdir(parents=True)
    path.write_text(state)
    for ask in (site.registry.active, site.registry.rollback, site.registry.models):
        with pytest.raises(ModelError) as refusal:
            ask()
        assert code_of(refusal) == "registry-damaged"
    assert path.read_text() == state


def test_verifying_tells_where_it_ran_and_how_near_it_came(site: Site) -> None:
    report = site.registry.verify(provider="cpu")
    assert report.ran == "cpu"
    assert report.parity <= 1e-5
    assert report.canary_ms > 0.0


def test_a_damaged_trusted_key_stops_everything_instead_of_being_left_out(site: Site) -> None:
    (site.data / "keys").mkdir(parents=True)
    (site.data / "keys" / "site.pub").write_text("no key")
    with pytest.raises(ModelError) as refusal:
        site.registry.active()
    assert code_of(refusal) == "bad-key"


def test_the_state_is_json_with_a_schema_number(site: Site) -> None:
    two = site.put("2.0")
    site.registry.activate(two)
    state = json.loads((site.data / "models" / "registry.json").read_text())
    assert state == {"schema": 1, "active": two, "history": [FACTORY]}
