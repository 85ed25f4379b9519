"""Licences of weights: what is listed, what a file is taken to be, what travels."""

import pytest

from training.networks.licences import (
    APACHE_TEACHERS,
    SUITABLE_STUDENTS,
    file_licence,
    notice,
    published_licence,
)
from training.networks.trunks import check_exact
from training.recipe import STUDENT, TEACHER

SIZE = (64, 64)


def test_listed_models_have_apache_weights() -> None:
    assert {published_licence(name) for name in SUITABLE_STUDENTS} == {"Apache-2.0"}
    assert {published_licence(name) for name in APACHE_TEACHERS} == {"Apache-2.0"}


@pytest.mark.parametrize("model", ["efficientnet_b0.ra_in1k", "resnet18.a1_in1k"])
def test_listed_students_have_exact_evidence(model: str) -> None:
    assert model in SUITABLE_STUDENTS
    check_exact(model, SIZE)


def test_the_teacher_of_the_paper_may_not_be_sold() -> None:
    assert published_licence(TEACHER.model) == "CC-BY-NC-4.0"
    assert "not for commercial use" in notice("x", published_licence(TEACHER.model))
    assert notice("x", published_licence(STUDENT.model)) == ""
    assert "clear it" in notice("x", "unknown")
    assert "its terms apply" in notice("x", "dinov3-license")
    assert "not for commercial use" in notice("x", "fair-noncommercial-research-license")


def test_a_name_that_stands_for_several_licences_stands_for_none() -> None:
    assert file_licence("convnextv2_large") == "CC-BY-NC-4.0"
    assert file_licence("convnext_base") == "unknown"
    assert file_licence("") == "unknown"
