"""The model card, written from the evaluation; every figure on it stands in the JSON."""

from typing import Any

from training.painted.painting import CLASSES

GOAL = 0.85
NOTE = "note: "


def write_card(manifest: dict[str, Any], metrics: dict[str, Any]) -> str:
    """MODEL_CARD.md of a package.

    Args:
        manifest: As the package will state it.
        metrics: What `evaluate` and the export measured.
    """
    parts = [
        _head(manifest),
        _training(manifest, metrics),
        _sets(metrics["sets"]),
        _transfer(metrics["sets"]),
        _unlike(metrics["unlike"]),
        _evidence(metrics["evidence"]),
        _calibration(manifest, metrics),
        _limits(metrics),
    ]
    return "\n\n".join(parts) + "\n"


def _head(manifest: dict[str, Any]) -> str:
    classes = ", ".join(one["display"] for one in manifest["classes"])
    size = f"{manifest['input']['height']} x {manifest['input']['width']}"
    return (
        f"# {manifest['name']} {manifest['version']}\n\n"
        f"**{manifest['notice']}** Research use only. Not a medical device.\n\n"
        f"EfficientNet-B2 on macular OCT B-scans of {size} pixels after preprocessing. "
        f"Classes: {classes}. Made {manifest['created']}."
    )


def _training(manifest: dict[str, Any], metrics: dict[str, Any]) -> str:
    training = manifest["training"]
    data, weights = training["config"]["data"], training["initial_weights"]
    shares = (
        f"{data['painted']:.0%} lesions painted into real normal B-scans, "
        f"{data['phantom']:.0%} phantoms, {data['real']:.0%} real labelled B-scans"
    )
    counts = metrics["training_pictures"]
    return (
        "## What it learned from\n\n"
        f"{shares}; every class in every style, so that no device stands for a disease.\n\n"
        f"- Real normal B-scans to paint on: {counts['normals']} in {counts['normal_groups']} "
        "groups, from OCTDL (Kulyabin et al.; CC BY 4.0) and from the training half of the "
        "Kermany et al. 2018 sample (CC BY 4.0).\n"
        f"- Real labelled B-scans: {counts['labelled']} in {counts['labelled_groups']} groups of "
        "that half; the other half of the groups is held out.\n"
        f"- Initial weights: {weights['name']}, licence {weights['licence'] or 'none'}.\n"
        f"- Split sha256 {training['split_sha256'][:16]}, source {training['source_commit']}."
    )


def figure(one: dict[str, float]) -> str:
    """A figure with its interval, as the card prints it."""
    return f"{one['value']:.2f} ({one['low']:.2f} to {one['high']:.2f})"


def _sets(sets: dict[str, Any]) -> str:
    lines = [
        "## Held-out figures\n",
        "Intervals are 95 %, by bootstrap over groups (patients where they are known).\n",
        "| set | pictures | groups | balanced accuracy | log loss |",
        "|---|---|---|---|---|",
    ]
    for name, one in sets.items():
        if one["n"]:
            loss = f"{one['log_loss']:.2f}" if "log_loss" in one else ""
            lines.append(f"| {name} | {one['n']} | {one['groups']} | "
                         f"{figure(one['balanced_accuracy'])} | {loss} |")  # fmt: skip
    for name, one in sets.items():
        if one["n"]:
            lines += ["", f"### {name}\n", *_confusion(one)]
    return "\n".join(lines)


def _confusion(one: dict[str, Any]) -> list[str]:
    """Recall and confusion of one set."""
    lines = [
        "| true class | pictures | groups | recall | "
        + " | ".join(f"→ {c}" for c in CLASSES)
        + " |",
        "|---" * (4 + len(CLASSES)) + "|",
    ]
    for code, row in one["classes"].items():
        called = one["confusion"][CLASSES.index(code)]
        cells = " | ".join(str(n) for n in called)
        lines.append(
            f"| {code} | {row['n']} | {row['groups']} | {figure(row['recall'])} | {cells} |"
        )
    return lines


def _transfer(sets: dict[str, Any]) -> str:
    one = sets.get("clinic_a + duke_dme", {"n": 0})
    if not one["n"]:
        return "## From simulation to clinic\n\nNot measured: the pictures were not there."
    reached = one["balanced_accuracy"]["value"] >= GOAL
    return (
        "## From simulation to clinic\n\n"
        "clinic_a and duke_dme were never learned from, calibrated on or matched in style: CONTROL "
        "counts as NORMAL, AMD_EXUDATIVE as CNV. Goal: balanced accuracy of 0.85 or more. It is "
        f"{figure(one['balanced_accuracy'])}: {'reached' if reached else 'not reached'}. "
        "CONTROL means B-scans that look normal, some of them of diseased eyes. DRUSEN is not "
        "among these sets, so calling an exudative B-scan DRUSEN counts as an error."
    )


def _unlike(unlike: dict[str, Any]) -> str:
    lines = [
        "## Diseases it was not shown\n",
        "It must call them one of its classes; only the flag can tell.\n",
        "| set | pictures | groups | " + " | ".join(f"→ {c}" for c in CLASSES)
        + " | called NORMAL | flagged unlike the training data |",
        "|---" * (5 + len(CLASSES)) + "|",
    ]  # fmt: skip
    for name, one in unlike.items():
        cells = " | ".join(str(one["called"][c]) for c in CLASSES)
        shares = f"{figure(one['called_normal'])} | {figure(one['unlike_training'])}"
        lines.append(f"| {name} | {one['n']} | {one['groups']} | {cells} | {shares} |")
    return "\n".join(lines)


def _evidence(evidence: dict[str, Any]) -> str:
    lines = [
        "## Does the heatmap point at the lesion\n",
        "Evidence for the true disease against exact masks (phantoms) and expert outlines "
        "(clinic_a: drusen, cysts, fluid, foci together), beside a random pixel and a prior on the "
        "centre of the picture. Hit: the strongest pixel lies within 15 pixels of the lesion. "
        "Energy: share of the evidence in favour inside the outline.\n",
        "| set | pictures | groups | hit | random hit | centre hit | energy | random | centre |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, one in evidence.items():
        if one["n"]:
            cells = " | ".join(
                figure(one[key])
                for key in ("hit", "chance_hit", "centre_hit", "energy", "chance_energy",
                            "centre_energy")
            )  # fmt: skip
            lines.append(f"| {name} | {one['n']} | {one['groups']} | {cells} |")
    return "\n".join(lines)


def _calibration(manifest: dict[str, Any], metrics: dict[str, Any]) -> str:
    parity = metrics["parity"]
    rule = manifest["eye_rule"]
    return (
        "## Calibration and export\n\n"
        f"- Temperature {manifest['calibration']['temperature']}, fitted on held-out paintings, "
        "phantoms and the training half of Kermany; no evaluation set was used.\n"
        f"- Unlike the training data: cosine distance above {manifest['ood']['threshold']}, which "
        "1 % of training-like pictures exceed.\n"
        f"- Eye-level rule: mean of the best {rule['adjacent']} adjacent B-scans, thresholds 0.5 "
        f"after scaling fitted on {metrics['phantom_volumes']} simulated eyes.\n"
        f"- Graph against network on {parity['pictures']} pictures: largest difference in "
        f"probability {parity['difference']:.1e}, same class everywhere."
    )


def _limits(metrics: dict[str, Any]) -> str:
    written = metrics.get("looks", [])
    notes = [line.removeprefix(NOTE) for line in written if line.startswith(NOTE)]
    looks = [line for line in written if not line.startswith(NOTE)]
    lines = [
        "## Limits\n",
        "- Not validated for any use on patients. Figures are for B-scans, not for eyes.",
        "- Groups are few (see the tables); intervals are wide, and one clinic is one clinic.",
        "- A four-class model calls every other disease one of its four classes.",
        "- Lesions it learned are drawn. Appearances that nobody drew are unknown to it.",
        *(f"- {note}" for note in notes),
    ]
    if looks:
        lines += [
            "- The evaluation sets were looked at during development, which is a form of model "
            "selection and flatters the figures above:",
            *(f"  - {look}" for look in looks),
        ]
    else:
        lines.append("- No evaluation set was scored before the final run.")
    return "\n".join(lines)
