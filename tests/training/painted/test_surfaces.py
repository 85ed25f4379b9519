"""Finding the retina in a normal B-scan."""

import numpy as np
import pytest

from tests.training.drawn import normal_bscan, surfaces
from training.painted.canvas import make_ground, random_geometry
from training.painted.surfaces import NoRetinaError, find_surfaces, shortest_path


def test_both_surfaces_of_a_drawn_retina_are_found_to_two_rows() -> None:
    picture, ilm, bruch = normal_bscan()
    found = find_surfaces(picture)
    inner = slice(10, -10)
    assert float(np.median(np.abs(found.ilm - ilm)[inner])) < 2.0
    assert float(np.median(np.abs(found.bruch - bruch)[inner])) < 3.0
    assert found.thickness == pytest.approx(float(np.median(bruch - ilm)), abs=4.0)


def test_noise_without_a_retina_is_refused() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 300)).astype(np.uint8)
    with pytest.raises(NoRetinaError):
        find_surfaces(noise)


def test_a_dark_frame_is_refused() -> None:
    with pytest.raises(NoRetinaError, match="contrast"):
        find_surfaces(np.full((200, 300), 8, np.uint8))


def test_the_cheapest_path_follows_a_bright_line_and_its_steps_are_bounded() -> None:
    line = np.round(20 + 8 * np.sin(np.arange(120) / 15)).astype(int)
    cost = np.zeros((50, 120), np.float32)
    cost[line, np.arange(120)] = -1.0
    path = shortest_path(cost)
    assert np.array_equal(path.astype(int), line)
    assert float(np.abs(np.diff(path)).max()) <= 2.0


def test_a_ground_keeps_its_surfaces_on_the_tissue() -> None:
    picture, _, _ = normal_bscan()
    known = surfaces()
    for seed in range(4):
        rng = np.random.default_rng(seed)
        geometry = random_geometry(known, picture.shape[1], rng)
        made = make_ground(picture, known, geometry, rng)
        assert made.picture.shape == (geometry.rows, geometry.columns)
        column = np.arange(geometry.columns)
        depth = made.bruch - made.ilm
        inside = np.clip(made.ilm + 0.3 * depth, 0, geometry.rows - 1).astype(int)
        outside = np.clip(made.ilm - 0.2 * depth, 0, geometry.rows - 1).astype(int)
        seen = (made.ilm > 0.25 * depth) & (made.bruch < geometry.rows)
        brighter = made.picture[inside, column] > made.picture[outside, column]
        assert float(brighter[seen].mean()) > 0.9
