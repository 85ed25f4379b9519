"""A short campaign; the long one is ``python -m tests.fuzz``."""

import random
from pathlib import Path

import pytest

from kdoct_desktop.io.devices.formats import FORMATS
from kdoct_desktop.io.readers import open_volumes
from tests.fuzz.__main__ import guided
from tests.fuzz.campaign import READ, Account, run
from tests.fuzz.make_seeds import make_seeds
from tests.fuzz.mutate import mutate
from tests.fuzz.seeds import Seed, load_seeds


@pytest.fixture(scope="module")
def seeds() -> list[Seed]:
    return make_seeds()


def test_every_format_that_is_read_has_seeds(seeds: list[Seed]) -> None:
    read = {one.name for one in FORMATS if not one.reads.startswith("nothing")}
    assert read <= {one.format for one in seeds}


def test_every_seed_is_sound(seeds: list[Seed], tmp_path: Path) -> None:
    for number, one in enumerate(seeds):
        one.write(tmp_path / f"{number:03}", stem=f"{number:03}")
    opened = open_volumes(tmp_path)
    volumes = [volume for study in opened.studies for volume in study.volumes]

    assert opened.problems == ()
    assert {volume.source.label[:3] for volume in volumes} == {
        f"{number:03}" for number in range(len(seeds))
    }


def test_damaged_files_are_read_or_refused_by_name_and_none_ends_the_program(
    seeds: list[Seed],
) -> None:
    account = Account()
    run(seeds, files=50 * len({one.family for one in seeds}), seed=20261126, account=account)
    assert account.silent == []
    assert [code for code, _ in account.suspects] == []
    codes = {code for counts in account.outcomes.values() for code in counts}
    assert READ in codes
    assert len(codes) > 8


def test_a_file_that_reaches_new_lines_is_kept_for_further_damage(
    seeds: list[Seed], tmp_path: Path
) -> None:
    mine = [one for one in seeds if one.family == "vol"]
    told = guided(mine, tmp_path, seconds=2.0, seed=3)
    found = load_seeds(tmp_path / "found" / "vol")
    assert told["vol"]["kept"] == len(found) > 2
    assert told["vol"]["tried"] > len(mine)


def test_damage_is_a_function_of_its_seed() -> None:
    data = bytes(range(256)) * 8
    first = [mutate(data, [data], random.Random(number)) for number in range(40)]
    again = [mutate(data, [data], random.Random(number)) for number in range(40)]
    assert first == again
    assert sum(one != data for one in first) > 35
