"""The figures of a run: the only user of matplotlib. No window, no global state, no mathtext."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager, get_font
from matplotlib.lines import Line2D

from kdoct_desktop.domain.whole_file import write_whole
from training.measure.eye_metrics import resource
from training.measure.gather import Gathered
from training.measure.metrics import Units
from training.measure.probability_metrics import roc_points
from training.measure.scoring import pooled
from training.measure.training_log import read_logs
from training.run_folder import ROLES, RunFolder

COLOURS = {"teacher": "#7a6ff0", "student": "#00868b"}
INK, SOFT, GRID = "#1d2733", "#65717f", "#e3e7ec"
CLASS_COLOURS = ("#00868b", "#d97706", "#b4235a", "#5566cc", "#6b8e23", "#8a5a44", "#444444")
MATRIX_MAP = "GnBu"
DPI = 160
LONGEST = 22
_FONTS = ("Roboto-Regular.ttf", "Roboto-Medium.ttf", "DejaVuSans.ttf", "DroidSansFallback.ttf")
_BOX = "\N{WHITE SQUARE}"

TITLES = {
    "folds": "Folds, with 95 % intervals by patient",
    "confusion": "Confusion of held-out B-scans",
    "confusion-eyes": "Confusion of held-out eyes, by the program's own rule",
    "roc": "ROC of each class against the rest",
    "reliability": "Reliability of the probabilities",
    "curves-teacher": "Training of the teachers",
    "curves-student": "Training of the students",
}


def draw_figures(report: dict[str, Any], gathered: Gathered, folder: RunFolder) -> dict[str, Path]:
    """Draw every figure that the report has data for; folds that are not pooled have few.

    Args:
        report: Over all folds.
        gathered: What was scored.
        folder: Of the run; figures go into its ``figures`` folder as PNG.

    Returns:
        Name to file, in the order of `TITLES`; a figure without data is left out.
    """
    primary = report["primary"]
    scored = {
        role: pooled(list(by_set[primary].values()))
        for role, by_set in gathered.scored.items()
        if primary in report["pooled"].get(role, {})
    }
    tables = {role: report["pooled"][role][primary] for role in scored}
    logs = {role: read_logs(folder, role, report["folds_of_the_split"]) for role in ROLES}
    makers: dict[str, Callable[[], Figure | None]] = {
        "folds": lambda: fold_figure(report),
        "confusion": lambda: confusion_figure(tables, report["classes"], "bscan"),
        "confusion-eyes": lambda: confusion_figure(tables, report["classes"], "eye"),
        "roc": lambda: roc_figure({r: s.bscan for r, s in scored.items()}, report["classes"]),
        "reliability": lambda: reliability_figure(tables),
        "curves-teacher": lambda: curves_figure(logs["teacher"]),
        "curves-student": lambda: curves_figure(logs["student"]),
    }
    made = {}
    for name in TITLES:
        with style():
            figure = makers[name]()
            if figure is not None:
                made[name] = folder.figures / f"{name}.png"
                write_whole(made[name], png(figure))
    return made


@contextmanager
def style() -> Iterator[None]:
    """The look of every figure; text is never read as mathtext."""
    values: Any = {
        "font.family": list(_families()), "font.size": 9.0, "text.parse_math": False,
        "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": SOFT, "axes.linewidth": 0.7,
        "axes.titlesize": 10.0, "axes.titlelocation": "left",
        "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
        "xtick.color": SOFT, "ytick.color": SOFT, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
        "grid.color": GRID, "grid.linewidth": 0.7, "legend.frameon": False, "lines.linewidth": 1.6,
        "axes.unicode_minus": False, "figure.facecolor": "white", "savefig.facecolor": "white",
    }  # fmt: skip
    with matplotlib.rc_context(values):
        yield


def png(figure: Figure) -> bytes:
    """The figure as PNG, the same bytes for the same figure."""
    buffer = BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


@lru_cache(maxsize=1)
def _families() -> tuple[str, ...]:
    """The program's own fonts, registered once; later ones step in for missing letters."""
    paths = [str(resource(f"fonts/{name}")) for name in _FONTS]
    for path in paths:
        fontManager.addfont(path)
    return tuple(dict.fromkeys(get_font(path).family_name for path in paths))


@lru_cache(maxsize=1)
def _letters() -> frozenset[int]:
    """Every letter that one of the fonts can draw."""
    paths = [resource(f"fonts/{name}") for name in _FONTS if "Medium" not in name]
    return frozenset(code for path in paths for code in get_font(str(path)).get_charmap())


def shown(text: str, longest: int = LONGEST) -> str:
    """Text as it can be drawn: one line, unknown letters as boxes, cut where it is too long."""
    line = "".join(c if c.isprintable() and ord(c) in _letters() else _BOX for c in text)
    return line if len(line) <= longest else line[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"


def fold_figure(report: dict[str, Any]) -> Figure | None:
    """Three figures of each fold and role, and the mean over folds as a line."""
    names = {
        "accuracy": "Accuracy",
        "macro_sensitivity": "Macro sensitivity",
        "disease_sensitivity": "Disease sensitivity",
    }
    figure = Figure(figsize=(7.2, 3.1), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    count, drawn = report["folds_of_the_split"], False
    for axis, (name, title) in zip(axes, names.items(), strict=True):
        for role, shift in (("teacher", -0.13), ("student", 0.13)):
            found = [
                (fold["fold"], fold["roles"][role]["test"][report["primary"]]["bscan"])
                for fold in report["folds"]
                if role in fold["roles"]
            ]
            points = [
                (k, one["figures"][name])
                for k, one in found
                if one["n"] and one["figures"][name]["value"] is not None
            ]
            if points:
                _dots(axis, points, shift, role)
                drawn = True
        axis.set_title(title)
        axis.set_xticks(range(count), [str(k) for k in range(count)])
        axis.set_xlim(-0.6, count - 0.4)
        axis.set_xlabel("fold")
        axis.grid(axis="y")
    handles = [Line2D([], [], marker="o", color=c, label=role) for role, c in COLOURS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8)
    return figure if drawn else None


def _dots(axis: Axes, points: list[tuple[int, dict[str, Any]]], shift: float, role: str) -> None:
    """Dots with intervals, and the mean."""
    at = np.array([k + shift for k, _ in points])
    value = np.array([one["value"] for _, one in points])
    low = np.array([one["value"] if one["low"] is None else one["low"] for _, one in points])
    high = np.array([one["value"] if one["high"] is None else one["high"] for _, one in points])
    axis.axhline(float(value.mean()), color=COLOURS[role], linewidth=0.8, linestyle=(0, (4, 3)))
    axis.vlines(at, low, high, color=COLOURS[role], linewidth=1.4, alpha=0.55)
    axis.plot(at, value, "o", color=COLOURS[role], markersize=4.5)


def confusion_figure(
    tables: dict[str, dict[str, Any]], classes: Sequence[str], level: str
) -> Figure | None:
    """Matrices side by side: counts, shaded by share of the true class."""
    found = {role: one[level] for role, one in tables.items() if one[level]["n"]}
    if not found:
        return None
    wide = any(one["no_call"] for one in found.values())
    names = [shown(code, 12) for code in classes]
    side = 1.3 + 0.62 * len(classes)
    figure = Figure(figsize=(0.5 + (side + 0.6) * len(found), side), layout="constrained")
    axes = figure.subplots(1, len(found), squeeze=False)[0]
    for axis, (role, one) in zip(axes, found.items(), strict=True):
        counts = np.array(one["confusion"])
        counts = counts if wide else counts[:, : len(classes)]
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(share, cmap=MATRIX_MAP, vmin=0.0, vmax=1.0, aspect="auto")
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if share[row, column] > 0.6 else INK
            text = f"{count}\n{100 * share[row, column]:.1f} %"
            axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
        called = [*names, "no call"] if wide else names
        axis.set_xticks(range(len(called)), called, rotation=30, ha="right")
        axis.set_yticks(range(len(names)), names)
        axis.set_xlabel("called")
        axis.set_ylabel("true class")
        axis.set_title(f"{role}, {one['n']} {'eyes' if level == 'eye' else 'B-scans'}")
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
    return figure


def roc_figure(units: dict[str, Units], classes: Sequence[str]) -> Figure | None:
    """ROC of every class that has cases, a panel for each network."""
    found = {role: one for role, one in units.items() if len(one)}
    if not found:
        return None
    figure = Figure(figsize=(3.5 * len(found), 3.3), layout="constrained")
    for axis, (role, one) in zip(
        figure.subplots(1, len(found), squeeze=False)[0], found.items(), strict=True
    ):
        axis.plot([0, 1], [0, 1], color=GRID, linewidth=1.0)
        for k, code in enumerate(classes):
            case = one.truth == k
            if case.any() and not case.all():
                points = roc_points(one.scores[:, k], case)
                colour = CLASS_COLOURS[k % len(CLASS_COLOURS)]
                axis.plot(points[:, 0], points[:, 1], color=colour, label=shown(code, 16))
        axis.set(xlim=(-0.01, 1), ylim=(0, 1.01), xlabel="1 - specificity", ylabel="sensitivity")
        axis.set_title(role)
        axis.grid(visible=True)
        axis.legend(loc="lower right", fontsize=8)
    return figure


def reliability_figure(tables: dict[str, dict[str, Any]]) -> Figure | None:
    """Accuracy against confidence before and after the temperature, with counts below."""
    found = {role: one["bscan"] for role, one in tables.items() if one["bscan"]["n"]}
    if not found:
        return None
    figure = Figure(figsize=(3.5 * len(found), 3.9), layout="constrained")
    axes = figure.subplots(
        2, len(found), squeeze=False, sharex=True, gridspec_kw={"height_ratios": [3, 1]}
    )
    for column, (role, one) in enumerate(found.items()):
        made, upper, lower = one["calibration"], axes[0, column], axes[1, column]
        upper.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
        for when, colour in (("before", "#b9c0c9"), ("after", COLOURS[role])):
            rows = made[f"reliability_{when}"]
            error = made[f"ece_{when}"]["value"]
            upper.plot(
                [row["confidence"] for row in rows], [row["accuracy"] for row in rows], "o-",
                color=colour, markersize=3.5, label=f"{when}: ECE {error:.3f}",
            )  # fmt: skip
        rows = made["reliability_after"]
        centres = [(row["bin"] + 0.5) / made["bins"] for row in rows]
        lower.bar(centres, [row["n"] for row in rows], 0.9 / made["bins"], color=COLOURS[role])
        upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="accuracy")
        upper.set_title(role)
        upper.grid(visible=True)
        upper.legend(loc="upper left", fontsize=8)
        lower.set(xlabel="confidence", ylabel="B-scans")
    return figure


def curves_figure(logs: dict[int, list[Any]]) -> Figure | None:
    """Loss, and accuracy on validation, by epoch; a line a fold, the best epoch marked."""
    if not logs:
        return None
    figure = Figure(figsize=(7.2, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for fold, lines in logs.items():
        colour = CLASS_COLOURS[fold % len(CLASS_COLOURS)]
        epochs = [line["epoch"] for line in lines]
        left.plot(epochs, [_number(line["loss"]) for line in lines], color=colour)
        best = [
            max((_number(one["accuracy"]) for one in line["validation"].values()), default=np.nan)
            for line in lines
        ]
        right.plot(epochs, best, color=colour, label=f"fold {fold}")
        chosen = [k for k, line in enumerate(lines) if line.get("chosen")]
        if chosen:
            right.plot(epochs[chosen[-1]], best[chosen[-1]], "o", color=colour, markersize=5)
    left.set_title("Loss in training")
    right.set_title("Best candidate on validation, accuracy")
    for axis in (left, right):
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(visible=True)
    right.legend(fontsize=8, ncols=2)
    return figure


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
