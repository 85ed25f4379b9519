"""The model card of a site's package, written from its manifest: no figure that is not in there."""

from collections.abc import Mapping
from typing import Any

from training.ship.card_outside import evidence_text, outside_text
from training.ship.card_tables import (
    ORIGIN,
    THIS,
    cell,
    held_out_text,
    promotion_text,
    warnings_text,
)

BY_VALIDATION, BY_NAME = "best validation accuracy of all folds", "named by the exporter"
"""How the fold was chosen."""


def write_card(manifest: Mapping[str, Any]) -> str:
    """MODEL_CARD.md of a package.

    Args:
        manifest: As `training.ship.package_manifest.build_manifest` made it.
    """
    training, metrics = manifest["training"], manifest["metrics"]
    network = THIS if "weights" not in manifest else ORIGIN
    parts = [
        _head(manifest),
        _use(manifest),
        _data(training, rounded=network == ORIGIN),
        _weights(training),
        _choice(training, metrics),
        held_out_text(metrics["held_out"], training, network=network),
        outside_text(metrics["outside"]),
        evidence_text(metrics["held_out"], metrics["outside"]),
        warnings_text(metrics["held_out"]),
        promotion_text(metrics["promotion"]),
        _calibration(manifest),
        _export(metrics),
        _limits(manifest),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(manifest: Mapping[str, Any]) -> str:
    classes = ", ".join(
        one["display"] if one["display"] == one["code"] else f"{one['display']} ({one['code']})"
        for one in manifest["classes"]
    )
    size = f"{manifest['input']['height']} x {manifest['input']['width']}"
    weights = manifest.get("weights", "float32")
    return (
        f"# {manifest['name']} {manifest['version']}\n\n"
        f"**{manifest['notice'] or 'Research use only.'}** Not a medical device.\n\n"
        f"{manifest['training']['network']} on macular OCT B-scans of {size} pixels after "
        f"preprocessing; weights {weights}. Classes in order: {classes}. "
        f"Made {manifest['created']}."
    )


def _use(manifest: Mapping[str, Any]) -> str:
    whose = (
        "Trying the program, and research, on macular scans"
        if manifest["demonstration"]
        else "Research at the site that trained it, on scans of the devices and patients like "
        "those below"
    )
    return (
        "## Intended use\n\n"
        f"{whose}, read by a person who sees the B-scans and the evidence beside every result.\n\n"
        "It may not be used\n\n"
        "- to diagnose, treat, triage or reassure a patient, or to leave a scan unread;\n"
        "- at a site, on a device or on patients without a measurement there;\n"
        "- on scans that are not of the macula, or for diseases that are not in its list: it must "
        "call every scan one of its classes;\n"
        "- where a licence below forbids it."
    )


def _data(training: Mapping[str, Any], *, rounded: bool) -> str:
    lines = [
        "## What it learned from\n",
        "| data set | training patients | training B-scans | validation patients "
        "| validation B-scans |",
        "|---|---|---|---|---|",
    ]
    for one in training["data"]:
        cells = [one[p][k] for p in ("train", "validation") for k in ("patients", "bscans")]
        lines.append(f"| {cell(one['name'])} | " + " | ".join(map(str, cells)) + " |")
    lines += _classes(training["split"].get("counts", {}))
    credited = [one for one in training["data"] if one.get("licence")]
    devices = ", ".join(f"{cell(name)} ({n} B-scans)" for name, n in training["devices"].items())
    lines += [
        "",
        *(f"- {cell(one['name'])}: {cell(one['licence'])}." for one in credited),
        f"- Devices: {devices}.",
        f"- Split by patient into {training['folds']} folds, sha256 {training['split_sha256']}; "
        f"{training['test_patients']} patients of this fold were held out.",
        f"- Manifest sha256 {training['manifest_sha256']}.",
        "- B-scans whose label is not the class of their volume were left out, which needs the "
        "diagnosis that is predicted." if training["worst_case"] else
        "- All B-scans labelled with one of the classes take part, whatever that of their volume.",
        *_labels(training["config"]["data"]["labelled_share"]),
        *_split(training["split"]),
        f"- Source {training['source_commit']}; weights sha256 {training['weights_sha256']}"
        f"{' before they were rounded' if rounded else ''}.",
    ]  # fmt: skip
    return "\n".join(lines)


def _labels(share: float) -> list[str]:
    """What is said where labels were kept from the training."""
    if share >= 1.0:
        return []
    return [f"- Labels of {share:.0%} of the training patients were used, and none of the others'."]


def _split(split: Mapping[str, Any]) -> list[str]:
    """The leak report and what else the split warns of."""
    leak = split["leak"]["sentence"] or "The split carries no leak report."
    return [f"- {cell(leak)}", *(f"- Found while splitting: {cell(w)}" for w in split["warnings"])]


def _classes(counts: Mapping[str, Any]) -> list[str]:
    """Patients and B-scans of each class in each part of this fold."""
    parts = [name for name in ("train", "validation", "test") if name in counts]
    if not parts:
        return []
    lines = [
        "",
        "| class | " + " | ".join(f"{part}: patients (B-scans)" for part in parts) + " |",
        "|---" * (1 + len(parts)) + "|",
    ]
    for code in counts[parts[0]]["classes"]:
        cells = [counts[part]["classes"][code] for part in parts]
        shown = " | ".join(f"{one['patients']} ({one['bscans']})" for one in cells)
        lines.append(f"| {code} | {shown} |")
    return lines


def _weights(training: Mapping[str, Any]) -> str:
    lines = ["## Where the weights come from\n", _initial("Student", training["initial_weights"])]
    teacher = training["teacher"]
    if teacher:
        lines.append(
            f"- Teacher: {teacher.get('model', 'unknown')} of fold {teacher.get('fold', '?')}, "
            f"validation accuracy {_share(teacher.get('validation', {}).get('accuracy'))}."
        )
        lines.append(_initial("Teacher", teacher.get("initial_weights", {})))
        lines.append(
            "- Whether the licence of a teacher's initial weights reaches a student that learned "
            "from its outputs is a legal question that is not settled; both are stated for that "
            "reason."
        )
    else:
        lines.append("- No teacher: trained on labels alone.")
    if training["waiver"]:
        accuracy = teacher.get("validation", {}).get("accuracy", 1.0)
        gate = training["config"]["distill"]["gate"]
        low = f"**The teacher is below the validation gate of {gate}.** " if accuracy < gate else ""
        lines.append(f"- {low}Waiver: {cell(training['waiver'])}")
    return "\n".join(lines)


def _initial(who: str, weights: Mapping[str, Any]) -> str:
    if not weights:
        return f"- {who} started from: not recorded."
    said = f" {weights['notice']}" if weights.get("notice") else ""
    return (
        f"- {who} started from: {weights.get('name', '?')}, licence "
        f"{weights.get('licence') or 'none'}, source {weights.get('source', '?')}.{said}"
    )


def _choice(training: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    rows = [
        f"- {name}: accuracy {_share(one.get('accuracy'))}, loss {_share(one.get('loss'))}"
        for name, one in training["validation"].items()
    ]
    looked = (
        "No test score was looked at."
        if metrics["fold_chosen_by"] == BY_VALIDATION
        else "Whether a test score was looked at is not known."
    )
    stopped = "" if metrics["finished"] else " **Its training was stopped before its end.**"
    rounded = f" Measured with {metrics['measured_with']}." if "measured_with" in metrics else ""
    return (
        "## Which weights these are\n\n"
        f"Student of fold {training['fold']} of {training['folds']} (counted from 0), chosen by: "
        f"{metrics['fold_chosen_by']}. {looked}{stopped} Within the fold the "
        f"**{training['chosen']}** weights were best on the validation part.{rounded}\n\n"
        + "\n".join(rows)
    )


def _calibration(manifest: Mapping[str, Any]) -> str:
    rule, metrics = manifest["eye_rule"], manifest["metrics"]
    operating = metrics["operating"]
    facts = operating["facts"]
    whose = f", with {metrics['measured_with']}" if "measured_with" in metrics else ""
    rows = [
        f"- {code}: reported from {limit:.3f} on, after scale {rule['scale'].get(code, 1.0)} and "
        f"offset {rule['offset'].get(code, 0.0)}"
        + (" (not fitted: too few eyes)" if code in facts["eye_rule_not_fitted"] else "")
        for code, limit in rule["thresholds"].items()
    ]
    rows += [
        f"- {name}: {facts['sensitivity']:.0%} of its validation B-scans lie at or above "
        f"{limit:.3f}"
        for name, limit in operating["thresholds"].items()
        if limit is not None
    ]
    return (
        "## Calibration\n\n"
        f"Chosen on {facts['bscans']} B-scans of {facts['patients']} patients of the validation "
        f"part, {facts['eyes']} eyes{whose}: temperature {manifest['calibration']['temperature']}; "
        f"unlike the training data from a cosine distance of {manifest['ood']['threshold']} on. "
        f"Eye-level rule: mean of the best {rule['adjacent']} adjacent B-scans.\n\n"
        + "\n".join(rows)
    )


def _export(metrics: Mapping[str, Any]) -> str:
    """How far the graph of this package is from what was trained."""
    half = metrics["half"]
    lines = ["## Export\n"]
    if "parity" in metrics:
        parity = metrics["parity"]
        lines.append(
            f"- Graph against network on {parity['pictures']} validation B-scans: largest "
            f"difference in probability {parity['difference']:.1e}, same class everywhere."
        )
        lines += [] if half is None else [_variant(half)]
    else:
        lines.append(
            f"- This graph, whose weights are float16, against the float32 graph on "
            f"{half['pictures']} validation B-scans: largest difference in probability "
            f"{half['difference']:.1e}, same class everywhere."
        )
    lines.append(
        "- The golden sample, which the desktop runs before it believes the model, is drawn by the "
        "program: no picture of a patient is in this package, and no patient's key."
    )
    return "\n".join(lines)


def _variant(half: Mapping[str, Any]) -> str:
    """The line of the float16 variant on the card of the package that it was made from."""
    return (
        f"- Variant with float16 weights ({half['bytes_half'] / 1e6:.1f} of "
        f"{half['bytes_full'] / 1e6:.1f} MB): largest difference in probability "
        f"{half['difference']:.1e} on {half['pictures']} B-scans, "
        f"{'same' if half['same_class'] else 'another'} class; "
        f"{'kept' if half['holds'] else 'not kept'}."
    )


def _limits(manifest: Mapping[str, Any]) -> str:
    count = len(manifest["classes"])
    site = not manifest["demonstration"]
    return "\n".join([
        "## Limits\n",
        "- Not validated for any use on patients; the figures are of "
        f"{'this site' if site else 'the data'}'s own labels, with their errors.",
        f"- It calls every scan one of {count} classes. Other diseases are called one of them; "
        "only the flag for unlike scans can tell, and it was not fitted on other diseases.",
        *(["- Labels, devices and patients of one site: expect lower figures elsewhere."]
          if site else []),
        "- Evidence maps show what the network used, which need not be the lesion.",
        *(f"- {cell(one)}" for one in manifest["metrics"]["remarks"]),
    ])  # fmt: skip


def _share(value: Any) -> str:
    return "unknown" if value is None else f"{value:.3f}"
