"""The `check` command: what is wrong with a dataset, in a terminal. The Data page shows the same report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from core import DatasetRef
from dataset.audit import AuditReport
from training.cli import steps
from training.cli.follow import to_stderr
from training.cli.shared import Answer, HowRead, Place, on_data, verb

SIGNS = {"bad": "PROBLEM", "caution": "CAUTION", "good": "note"}
FEW = 5
"""Files named on the terminal; --json has more."""


@verb
@on_data
@click.option("--quick", is_flag=True, help="do not measure: labels and shift are not judged")
def check(place: Place, path: str, backbone: str, how: HowRead, quick: bool) -> Answer:
    """Say what is wrong with a dataset: copies, leaks, labels that look wrong."""
    from dataset.audit import audit, feature_check

    card = None if quick else steps.backbone_here(place, backbone)
    ref = steps.import_data(path, place.home, how)
    checked = feature_check.find(place.home, ref, backbone)
    if checked is None and card is not None:
        to_stderr("Measuring first: labels and test images are judged by features (--quick leaves that out).")
        job = steps.measured(place, ref, card.name)
        if job.state != "finished":
            to_stderr(f"Labels were not judged: {job.error or f'measuring was {job.state}'}.")
        checked = feature_check.find(place.home, ref, backbone)
    report = audit(ref, feature_check.load(checked))
    return Answer(document(ref, report, checked), lines(report))


def document(ref: DatasetRef, report: AuditReport, checked: Path | None) -> dict[str, Any]:
    return {
        "dataset_id": ref.id, "name": ref.name, "images": ref.images, "worst": report.worst,
        "labels_judged": checked is not None,
        "findings": [
            {
                "kind": one.kind, "severity": one.severity, "title": one.title, "detail": one.detail,
                "remedy": one.remedy, "how": one.how, "paths": list(one.paths),
                "words": [word for shown in one.shown[: len(one.paths)] for word in shown.words],
            }
            for one in report.findings
        ],
    }  # fmt: skip


def lines(report: AuditReport) -> list[str]:
    """A paragraph a finding."""
    told = []
    for one in report.findings:
        told.append(f"{SIGNS[one.severity]}: {one.title}")
        told.append(f"    {one.detail}")
        if one.remedy:
            told.append(f"    -> {one.remedy}")
        told += [f"       {path}" for path in one.paths[:FEW]]
        if len(one.paths) > FEW:
            told.append("       ... (--json lists more)")
    return told
