"""The `check` command: what is wrong with a dataset, in a terminal. The Data page shows the same report."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from core import DatasetRef
from dataset.audit import AuditReport
from training.cli import decoding_of, to_stderr
from training.cli.commands.runs import Answer, backbone_here, import_data, measured, open_place

SIGNS = {"bad": "PROBLEM", "caution": "CAUTION", "good": "note"}
FEW = 5
"""Files named on the terminal; --json has more."""


def check(args: Namespace) -> Answer:
    """Import, have a profile judge labels and shift unless --quick or that was done, and print every finding."""
    from dataset.audit import audit, feature_check

    place = open_place(args)
    card = None if args.quick else backbone_here(args, place)
    ref = import_data(args.path, place.home, args.classes_from, decoding_of(args))
    path = feature_check.find(place.home, ref, args.backbone)
    if path is None and card is not None:
        to_stderr("Measuring first: labels and test images are judged by features (--quick leaves that out).")
        job = measured(place, ref, card.name)
        if job.state != "finished":
            to_stderr(f"Labels were not judged: {job.error or f'measuring was {job.state}'}.")
        path = feature_check.find(place.home, ref, args.backbone)
    report = audit(ref, feature_check.load(path))
    return Answer(document(ref, report, path), lines(report))


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
