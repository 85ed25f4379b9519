"""``kdoct analyze``: scans in, a table or one JSON document out, files into a folder."""

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from kdoct_desktop.app.analysis import Analyzer, analyse_path
from kdoct_desktop.app.export import Export, result_of, write_results
from kdoct_desktop.app.models import ModelRegistry
from kdoct_desktop.app.settings import load_settings, load_urgency
from kdoct_desktop.cli.bar import Bar
from kdoct_desktop.domain.analysis import StudyAnalysis
from kdoct_desktop.domain.errors import KdoctError, ModelError
from kdoct_desktop.domain.finding import Finding, Urgency
from kdoct_desktop.domain.study import Problem
from kdoct_desktop.domain.volume import Laterality

ALL_DONE = 0
SOME_REFUSED = 3
NOTHING_ANALYSED = 4
NO_MODEL = 5


def run_analyze(options: argparse.Namespace) -> int:
    """Analyse every path; see the parser for the options and the exit codes."""
    settings = load_settings()
    provider = options.provider or settings.provider
    eye = Laterality(options.eye) if options.eye else None
    try:
        with _ready(options.model, provider=provider) as analyzer:
            analyses: list[StudyAnalysis] = []
            for path in options.paths:
                analyzer.prepare_reading()
                with Bar(path.name) as bar:
                    analyses += analyse_path(analyzer, path, eye=eye, tta=options.tta, progress=bar)
    except ModelError as error:
        return _no_model(error, provider=provider, as_json=options.json)
    if options.out is not None:
        export = Export(reports=not options.no_report, clinic=settings.clinic)
        try:
            analyses = write_results(analyses, options.out, export=export, provider=provider)
        except (KdoctError, OSError) as error:
            reason = error.message if isinstance(error, KdoctError) else error.strerror
            _say(f"The results could not be written: {reason}.")
            return SOME_REFUSED
    if options.json:
        print(json.dumps(result_of(analyses, provider=provider), ensure_ascii=False))
    else:
        _print_table(analyses)
    return exit_code(analyses)


def exit_code(analyses: Sequence[StudyAnalysis]) -> int:
    """What the process answers for these results."""
    volumes = [volume for analysis in analyses for volume in analysis.volumes]
    refused = any(analysis.problems for analysis in analyses) or any(
        volume.finding is None for volume in volumes
    )
    if not any(volume.finding is not None for volume in volumes):
        return NOTHING_ANALYSED
    return SOME_REFUSED if refused else ALL_DONE


@contextlib.contextmanager
def _ready(model: Path | None, *, provider: str) -> Iterator[Analyzer]:
    """An analyzer with a loaded model."""
    registry = ModelRegistry()
    package = model if model is not None else registry.active().path
    with Analyzer(trusted_keys=registry.trusted_keys(), urgency=load_urgency()) as analyzer:
        analyzer.prepare_reading()
        loaded = analyzer.load_model(package, provider=provider)
        if loaded.provider.note:
            _say(loaded.provider.note)
        yield analyzer


def _no_model(error: ModelError, *, provider: str, as_json: bool) -> int:
    """Say that there is no usable model."""
    if as_json:
        problem = Problem("model", error.code, error.message)
        from kdoct_desktop.domain.study import Study

        empty = StudyAnalysis(Study(uid=""), problems=(problem,))
        print(json.dumps(result_of([empty], provider=provider), ensure_ascii=False))
    _say(error.message)
    return NO_MODEL


def _urgency(finding: Finding) -> str:
    """How soon somebody should look, and that somebody must where the finding is doubtful."""
    human = Urgency.NEEDS_HUMAN_READ
    if finding.needs_human_read and finding.urgency is not human:
        return f"{finding.urgency.value}, {human.value}"
    return finding.urgency.value


def _print_table(analyses: Sequence[StudyAnalysis]) -> None:
    """A short table for people."""
    rows = [("SCAN", "EYE", "FINDING", "P", "URGENCY", "STRONGEST", "NOTES")]
    for analysis in analyses:
        for item in analysis.volumes:
            if item.finding is None:
                continue
            finding = item.finding
            code = finding.class_code
            score = finding.probabilities[code] if code is not None else None
            rows.append(
                (
                    item.volume.source.label,
                    item.volume.laterality.value if item.volume.laterality else "?",
                    code or finding.state.value,
                    f"{score:.2f}".lstrip("0") if score is not None else "",
                    _urgency(finding),
                    f"{finding.strongest_bscan + 1} of {item.volume.bscan_count}",
                    "; ".join(reason.message for reason in finding.reasons),
                )
            )
    if len(rows) > 1:
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            print("  ".join([*cells, row[-1]]).rstrip())
    for analysis in analyses:
        for volume in analysis.volumes:
            if volume.not_analysed is not None:
                _say(f"{volume.not_analysed.source}: {volume.not_analysed.message}")
        for problem in analysis.problems:
            _say(f"{problem.source}: {problem.message}")
    models = {analysis.model for analysis in analyses if analysis.model is not None}
    for model in models:
        print(
            f"\nModel {model.name} {model.version} ({model.sha256[:12]}). {model.notice}".rstrip()
        )
        print("Research use only. Not a medical device.")


def _say(text: str) -> None:
    """One line for people on standard error."""
    print(text, file=sys.stderr)
