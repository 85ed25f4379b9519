"""Order, restart, ranks, fillers, threads and their errors, and the second modality."""

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from training.config import ComputeConfig
from training.data.augment import augmented
from training.data.batches import UNLABELLED, Batch, Step, TrainingBatches, plain_batches, view_rng
from training.data.manifest import Row
from training.errors import TrainingError
from training.recipe import AugmentConfig, NetworkConfig

SIZE = (24, 32)
LARGE = (28, 38)


class Shelf:
    """Pictures in memory, in place of a cache; its row indices differ from those of the rows."""

    size = SIZE

    def __init__(self, count: int, *, broken: int | None = None) -> None:
        rng = np.random.default_rng(7)
        self.pictures = rng.integers(0, 256, (count, *LARGE), dtype=np.uint8)
        self.units = rng.random((count, *SIZE), dtype=np.float32)
        self.broken = broken
        self.asked = 0

    def enlarged(self, row_index: int) -> NDArray[np.uint8]:
        self.asked += 1
        if row_index == self.broken:
            raise TrainingError("unreadable-file", "this one is damaged")
        return np.asarray(self.pictures[row_index])

    def exact(self, row_index: int) -> NDArray[np.float32]:
        return np.asarray(self.units[row_index])

    def positions(self, rows: Sequence[Row]) -> NDArray[np.int64]:
        return np.array([int(row.path) for row in rows], dtype=np.int64)


def rows_of(count: int) -> list[Row]:
    """Row k is picture count - 1 - k of the shelf."""
    return [
        Row(str(k), 0, hashlib.sha256(str(k).encode()).hexdigest(), "", "toy", f"toy:{k}")
        for k in reversed(range(count))
    ]


def batches_of(shelf: Shelf, count: int, **changes: Any) -> TrainingBatches:
    network = NetworkConfig("toy", batch=changes.pop("batch", 3),
                            accumulation=changes.pop("accumulation", 2))  # fmt: skip
    network = replace(network, fundus_model=changes.pop("fundus_model", ""))
    threads, seed = changes.pop("threads", 2), changes.pop("seed", 0)
    values: dict[str, Any] = {
        "network": network, "size": SIZE, "root": Path(),
        "compute": ComputeConfig(seed=seed, loader_threads=threads), **changes,
    }  # fmt: skip
    rows = values.pop("rows", rows_of(count))
    return TrainingBatches(shelf, rows, np.arange(count, dtype=np.int64) % 3, **values)


def flat(steps: Iterator[Step] | list[Step]) -> list[tuple[int, list[int], bytes]]:
    """Index, rows and all bits of each step."""
    return [
        (
            step.index,
            np.concatenate([batch.rows for batch in step.batches]).tolist(),
            b"".join(batch.units.tobytes() for batch in step.batches),
        )
        for step in steps
    ]


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def test_an_epoch_shows_every_bscan_once_with_its_label_and_picture() -> None:
    shelf = Shelf(17)
    batches = batches_of(shelf, 17)
    steps = list(batches.epoch(0))
    assert batches.steps_per_epoch == len(steps) == 3
    shown = np.concatenate([batch.rows for step in steps for batch in step.batches])
    assert sorted(shown) == list(range(17))
    assert [len(step.labels) for step in steps] == [6, 6, 5], "the last partial step is taken"
    rows = rows_of(17)
    for step in steps:
        for batch in step.batches:
            assert batch.labels.tolist() == [row % 3 for row in batch.rows]
            assert batch.weights.tolist() == [1.0] * len(batch.rows)
            for at, row in enumerate(batch.rows):
                rng = view_rng(0, 0, rows[row])
                wanted = augmented(shelf.pictures[16 - row], SIZE, AugmentConfig(), rng)
                assert np.array_equal(batch.units[at], wanted)


def test_the_order_is_a_permutation_of_seed_and_epoch() -> None:
    shelf = Shelf(17)
    first = batches_of(shelf, 17)
    assert first.order(3).tolist() == batches_of(Shelf(17), 17).order(3).tolist()
    assert first.order(3).tolist() != first.order(4).tolist()
    assert first.order(3).tolist() != batches_of(shelf, 17, seed=1).order(3).tolist()
    assert sorted(first.order(3)) == list(range(17))


def test_views_change_with_seed_epoch_picture_and_frame() -> None:
    row = rows_of(1)[0]
    states = {
        view_rng(0, 0, row).bytes(8),
        view_rng(1, 0, row).bytes(8),
        view_rng(0, 1, row).bytes(8),
        view_rng(0, 0, replace(row, frame=1)).bytes(8),
        view_rng(0, 0, replace(row, sha256="1" * 64)).bytes(8),
    }
    assert len(states) == 5
    assert view_rng(0, 0, row).bytes(8) == view_rng(0, 0, replace(row, path="moved")).bytes(8)


@pytest.mark.parametrize("start", [1, 2, 3])
def test_an_epoch_entered_at_any_step_gives_the_same_bits(start: int) -> None:
    whole = flat(batches_of(Shelf(20), 20, threads=3).epoch(5))
    later = flat(batches_of(Shelf(20), 20, threads=1).epoch(5, start=start))
    assert later == whole[start:]


def test_starting_past_the_last_step_gives_nothing() -> None:
    assert list(batches_of(Shelf(5), 5).epoch(0, start=1)) == []


@pytest.mark.parametrize(("count", "world"), [(24, 2), (25, 2), (29, 2), (37, 3), (14, 4), (2, 4)])
def test_ranks_together_show_exactly_what_one_process_shows(count: int, world: int) -> None:
    """World x batch stays the same, so the steps are the same."""
    alone = list(batches_of(Shelf(count), count, batch=2 * world, accumulation=2).epoch(1))
    ranks = [
        list(batches_of(Shelf(count), count, batch=2, accumulation=2, rank=r, world=world).epoch(1))
        for r in range(world)
    ]
    for at, step in enumerate(alone):
        parts = [steps[at] for steps in ranks]
        assert len({len(part.batches) for part in parts}) == 1, "equal numbers of micro-batches"
        real: dict[int, bytes] = {}
        for part in parts:
            assert part.labels.tolist() == step.labels.tolist()
            for batch in part.batches:
                assert len(batch.rows)
                for k in np.flatnonzero(batch.weights):
                    assert int(batch.rows[k]) not in real, "each B-scan in one process only"
                    real[int(batch.rows[k])] = batch.units[k].tobytes()
        whole = {
            int(batch.rows[k]): batch.units[k].tobytes()
            for batch in step.batches
            for k in range(len(batch.rows))
        }
        assert real == whole


def test_fillers_have_no_weight_and_appear_only_where_a_rank_has_nothing() -> None:
    """Seven B-scans, steps of 2 x 1 x 3: the second holds one, so two ranks get a filler."""
    weights = [
        [
            batch.weights.tolist()
            for step in batches_of(
                Shelf(7), 7, batch=2, accumulation=1, rank=rank, world=3
            ).epoch(0)
            for batch in step.batches
        ]
        for rank in range(3)
    ]  # fmt: skip
    assert weights == [[[1.0, 1.0], [1.0]], [[1.0, 1.0], [0.0]], [[1.0, 1.0], [0.0]]]


def test_a_last_step_is_cut_into_equal_micro_batches() -> None:
    """Seven in micro-batches of up to three: 3, 2, 2 and not 3, 3, 1."""
    (step,) = batches_of(Shelf(7), 7, batch=3, accumulation=3).epoch(0)
    assert [len(batch.rows) for batch in step.batches] == [3, 2, 2]


def test_an_error_of_a_thread_is_raised_in_the_loop() -> None:
    with pytest.raises(TrainingError, match="this one is damaged"):
        list(batches_of(Shelf(20, broken=4), 20).epoch(0))


def test_leaving_early_ends_the_threads() -> None:
    before = threading.active_count()
    steps = batches_of(Shelf(60), 60, threads=3).epoch(0)
    next(steps)
    assert threading.active_count() > before
    steps.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_views_are_made_ahead_but_only_so_far() -> None:
    shelf = Shelf(600)
    steps = batches_of(shelf, 600, batch=2, accumulation=1, threads=2).epoch(0)
    next(steps)
    time.sleep(0.2)
    assert 4 <= shelf.asked <= 2 * (1 + 1 + 2)
    steps.close()  # type: ignore[attr-defined]


def test_unlabelled_rows_keep_their_mark() -> None:
    labels = np.array([0, UNLABELLED, 1], dtype=np.int64)
    network, compute = NetworkConfig("toy"), ComputeConfig(loader_threads=1)
    batches = TrainingBatches(
        Shelf(3), rows_of(3), labels, network=network, size=SIZE, compute=compute, root=Path()
    )
    (step,) = batches.epoch(0)
    assert sorted(step.labels) == [UNLABELLED, 0, 1]


def test_no_rows_are_refused() -> None:
    with pytest.raises(TrainingError) as caught:
        batches_of(Shelf(0), 0)
    assert caught.value.code == "no-data"


def test_plain_batches_hold_the_exact_pictures_in_order() -> None:
    shelf, rows = Shelf(5), rows_of(5)
    made = list(plain_batches(shelf, rows, np.arange(5), batch=2, root=Path()))
    assert [batch.rows.tolist() for batch in made] == [[0, 1], [2, 3], [4]]
    assert all(batch.units.dtype == np.float32 for batch in made)
    whole = np.concatenate([batch.units for batch in made])
    assert np.array_equal(whole, shelf.units[::-1])
    assert np.concatenate([batch.labels for batch in made]).tolist() == [0, 1, 2, 3, 4]


def with_photographs(root: Path, count: int) -> list[Row]:
    rows = []
    for k, row in enumerate(rows_of(count)):
        photo = np.zeros((40, 60, 3), dtype=np.uint8)
        photo[:, :30, 0], photo[:20, :, 1] = 40 + 10 * k, 90
        Image.fromarray(photo).save(root / f"{k}.png")
        rows.append(replace(row, fundus=f"{k}.png"))
    return rows


def only(batches: list[Batch]) -> dict[int, NDArray[np.uint8]]:
    found = {}
    for batch in batches:
        assert batch.fundus is not None
        found.update({int(row): batch.fundus[at] for at, row in enumerate(batch.rows)})
    return found


def test_photographs_come_beside_the_bscans_and_are_mirrored_with_them(tmp_path: Path) -> None:
    rows = with_photographs(tmp_path, 8)
    batches = batches_of(Shelf(8), 8, rows=rows, root=tmp_path, fundus_model="toy")
    again = batches_of(Shelf(8), 8, rows=rows, root=tmp_path, fundus=True, threads=1)
    seen = only([batch for step in batches.epoch(2) for batch in step.batches])
    same = only([batch for step in again.epoch(2) for batch in step.batches])
    assert all(np.array_equal(seen[k], same[k]) for k in range(8)), "the same bits"
    mirrored = {k: int(seen[k][12, 28, 0]) > int(seen[k][12, 4, 0]) for k in seen}
    assert set(mirrored.values()) == {True, False}
    assert all(seen[k].shape == (*SIZE, 3) for k in seen)
    assert all(seen[k][2, 16, 1] > seen[k][21, 16, 1] for k in seen), "top stays top"


def test_plain_photographs_are_only_resized(tmp_path: Path) -> None:
    rows = with_photographs(tmp_path, 2)
    (batch,) = plain_batches(Shelf(2), rows, np.arange(2), batch=4, root=tmp_path, fundus=True)
    assert batch.fundus is not None
    assert batch.fundus.shape == (2, *SIZE, 3)
    assert batch.fundus[1, 3, 3].tolist() == [50, 90, 0]
    assert batch.fundus[1, 20, 28].tolist() == [0, 0, 0]


def test_every_bscan_without_its_photograph_is_listed(tmp_path: Path) -> None:
    rows = with_photographs(tmp_path, 4)
    rows[1], rows[3] = replace(rows[1], fundus=""), replace(rows[3], fundus="")
    with pytest.raises(TrainingError) as caught:
        batches_of(Shelf(4), 4, rows=rows, root=tmp_path, fundus_model="toy")
    assert caught.value.code == "missing-fundus"
    assert caught.value.details == (rows[1].path, rows[3].path)
