"""What the card says of evidence, of other data sets, and of a demonstration."""

from typing import Any

from tests.training.ship.card_parts import interval, manifest, table
from training.ship.site_card import write_card


def pointed(n: int) -> dict[str, Any]:
    names = ("hit", "chance_hit", "centre_hit", "energy", "chance_energy", "centre_energy")
    return {"n": n, "patients": 3, **{name: interval(0.1 * k) for k, name in enumerate(names, 1)}}


def outside() -> dict[str, Any]:
    """What `outside_facts` gives of two data sets and a disease."""
    return {
        "outside_manifest_sha256": "o", "labels": {"AMD": "CNV", "ERM": "-"},
        "left_out": {"of a patient that the run knows": 4, "without a label": 0},
        "sets": {
            "north | clinic": {"bscan": table(30, 5, 0.8), "pointing": pointed(11)},
            "south": {"bscan": table(20, 3, 0.6), "pointing": {"n": 0}},
        },
        "unlike": {"south": {"ERM": {
            "n": 9, "patients": 7, "called": {"NORMAL": 5, "CNV": 4},
            "called_normal": interval(0.55), "unlike_training": None,
        }}},
    }  # fmt: skip


def test_other_data_sets_stand_with_their_rules_and_what_was_left_out() -> None:
    values = manifest({})
    values["metrics"]["outside"] = outside()
    card = write_card(values)
    assert "AMD counts as CNV. Left out: 4 of a patient that the run knows." in card
    assert "| north / clinic | 30 | 5 |" in card
    assert "| south ERM | 9 | 7 | 5 | 4 | 0.550 (0.500 to 0.600) | – |" in card
    assert "| north / clinic | 11 | 3 | 0.100 (0.050 to 0.150) |" in card
    assert "| south | 0 |" not in card
    assert "## On other data sets" not in write_card(manifest({}))
    assert "## Does the heatmap" not in write_card(manifest({}))


def test_the_evidence_on_held_out_patients_is_shown() -> None:
    curves = {name: interval(0.25) for name in ("deletion", "random_deletion", "insertion",
                                                "random_insertion")}  # fmt: skip
    held = {
        "evidence": {"pointing": pointed(20), "faithfulness": {"n": 6, "patients": 6, **curves}}
    }
    card = write_card(manifest(held))
    assert "| held-out patients | 20 | 3 |" in card
    assert "on 6 B-scans of 6 held-out patients" in card


def test_one_fold_is_not_repeated_as_the_method() -> None:
    held = {"fold": {"unfiltered": {"bscan": table(40, 4, 0.85)}},
            "all_folds": {"unfiltered": {"bscan": table(40, 4, 0.85), "folds": [0]}}}  # fmt: skip
    values = manifest(held)
    assert "### The method" in write_card(values)
    values["training"]["folds"] = 1
    assert "### The method" not in write_card(values)


def test_a_demonstration_does_not_speak_of_a_site_and_its_remarks_are_limits() -> None:
    values = manifest({})
    assert "Research at the site that trained it" in write_card(values)
    values |= {"demonstration": True}
    values["metrics"]["remarks"] = ["Lesions are drawn."]
    card = write_card(values)
    assert "Research at the site" not in card
    assert "of one site" not in card
    assert card.rstrip().endswith("- Lesions are drawn.")
