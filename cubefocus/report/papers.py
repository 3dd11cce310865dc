"""The tables of the papers in their own order and layout, with the figures of a run beside the published ones.

Published figures are those of `cubefocus.report.published`, ours those of the run's own tables. What a paper does not
print and what a run does not have is a dash, and the note of its row says why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cubefocus.errors import CubefocusError
from cubefocus.files import read_yaml
from cubefocus.provenance import provenance as made_now
from cubefocus.report import published
from cubefocus.report.measured import Key, Measured
from cubefocus.report.methods import BLOBS, CHAIN, PEAKS, TCLEAN, label_of
from cubefocus.report.page import PUBLISHED, Grid, Section, write_page
from cubefocus.report.published import ECML, MNRAS, Detection
from cubefocus.report.render import MISSING
from cubefocus.report.setup_difference import difference
from cubefocus.report.tables.stages import MEANING

NAME = "paper-tables.html"
OURS = "this run"
OF_RUN = ("experiment", "seed", "config", "engine", "responses")  # facts that the page shares with the tables
ONLY_OURS = "Only in this run"
TABLE_4 = {
    PEAKS: "BF + DeepGRU",
    CHAIN: "Pipeline",
    "blobcat": "blobcat",
    "sofia": "Sofia-2",
    "decoras": "decoras",
}
"""Methods of MNRAS Table 4 in its order, as it prints them."""
TABLE_2 = {CHAIN: "Pipeline", "blobcat": "blobcat"}
"""Methods of ECML Table 2."""
TABLE_5 = {
    "x": "x (pixels)",
    "y": "y (pixels)",
    "sigma_x": "FWHM_x (pixels)",
    "sigma_y": "FWHM_y (pixels)",
    "z": "z (slices)",
    "extension": "Δ_z (slices)",
    "pa": "pa (degrees)",
    "flux": "flux (mJy/beam)",
}
"""Parameters of MNRAS Table 5 in its order, as it prints them."""
RELATIVE = {"flux_relative": "flux, relative error"}
FRACTIONS = {"within_1": "within 1 %", "within_10": "within 10 %", "within_20": "within 20 %"}

Pair = tuple[str, Detection | None, Measured, Key]  # label, published row, table of the run, name of its row


def write_paper_tables(run: Path, tables_made_by: Mapping[str, Any]) -> Path:
    """Write ``paper-tables.html`` into the folder of a run.

    Parameters
    ----------
    run : Path
        Folder with config.yaml and tables/, as a run leaves it or as it was published.
    tables_made_by : mapping
        Provenance of its tables.

    Returns
    -------
    Path

    Raises
    ------
    CubefocusError
        If there is no such run, or one of its tables is damaged.
    """
    for needed in (run / "config.yaml", run / "tables" / "detection.csv"):
        if not needed.is_file():
            raise CubefocusError(f"{run}: has no {needed.relative_to(run)}; make the run first")
    config = read_yaml(run / "config.yaml")
    try:
        name, level = config["experiment"], 100 * config["evaluation"]["interval"]
    except (TypeError, KeyError) as error:
        raise CubefocusError(f"{run / 'config.yaml'}: is not the config of a run; make it again") from error
    lead = (
        f"Figures as printed, and those of the experiment {name} beside them. Brackets hold the "
        f"{level:g} % interval of a figure of this run, from its tables; the papers print none. {MISSING} stands for "
        "what is not printed or what this run does not have; the note of a row says why.",
    )
    of_run = {key: tables_made_by[key] for key in OF_RUN if key in tables_made_by}
    facts = made_now(**of_run, tables=tables_made_by.get("code"))
    write_page(
        f"The papers' tables and this run: {name}", lead, paper_sections(run / "tables", config), run / NAME, facts
    )
    return run / NAME


def paper_sections(tables: Path, config: Mapping[str, Any]) -> list[Section]:
    """The tables of the papers with ours beside, from the folder of a run's tables and its config.

    Raises
    ------
    CubefocusError
        If a table is damaged.
    """
    found, near = (
        Measured.read(tables / f"{name}.csv", {"method": ""}) for name in ("detection", "detection_by_distance")
    )
    return [
        _detection(found, near, config),
        _residuals(Measured.read(tables / "parameters.csv", {"parameter": "", "method": CHAIN}), config),
        _short_detection(found, config),
        _stages(Measured.read(tables / "stages.csv", {"stage": ""}), config),
        _times(Measured.read(tables / "times.csv", {"method": "", "stage": ""})),
    ]


def _detection(found: Measured, near: Measured, config: Mapping[str, Any]) -> Section:
    printed = {row.method: row for row in published.DETECTION if row.source == MNRAS}
    table = [(label, printed[name], found, (name,)) for name, label in TABLE_4.items()]
    text: list[Pair] = [(label_of(BLOBS), printed[BLOBS], found, (BLOBS,))]
    text += [(f"{row.method}, by distance alone", row, near, (row.method,)) for row in published.BY_DISTANCE]
    ours = [(label_of(key[0]), None, found, key) for key in found.rows if key[0] not in {BLOBS, *TABLE_4}]
    return Section(
        "MNRAS Table 4: detection",
        [_basis(found), difference(config, MNRAS)],
        _two_grids([("", table), ("From the text of section 5.1", text), (ONLY_OURS, ours)]),
        ["The criterion, F1 and the parameters of the other methods are in tables/detection.md."],
    )


def _short_detection(found: Measured, config: Mapping[str, Any]) -> Section:
    printed = {row.method: row for row in published.DETECTION if row.source == ECML}
    table = [(label, printed[name], found, (name,)) for name, label in TABLE_2.items()]
    return Section("ECML-PKDD Table 2: detection", [_basis(found), difference(config, ECML)], _two_grids([("", table)]))


def _basis(found: Measured) -> str:
    """How many cubes and sources both rest on."""
    counts = {tuple(found.text(key, name) for name in ("n_cubes", "n_sources")) for key in found.rows}
    ours = " or ".join(f"{cubes} cubes with {sources} sources" for cubes, sources in sorted(counts))
    return (
        f"Published: {published.N_TEST_CUBES} cubes with {published.N_TEST_SOURCES} sources. "
        f"This run: {ours or 'nothing'}."
    )


def _two_grids(parts: Sequence[tuple[str, Sequence[Pair]]]) -> list[Grid]:
    """Counts, then ratios, as the papers print them one below the other; parts without rows are left out."""
    grids = []
    for columns in (("tp", "fp", "fn"), ("precision", "recall", "mean_iou")):
        heads = [("", ["Algorithm"])]
        heads += [({"mean_iou": "Mean IoU"}.get(name, name.upper() if len(name) == 2 else name.capitalize()),
                   [PUBLISHED, OURS]) for name in columns]  # fmt: skip
        rows = [(title, [_detection_row(*pair, columns) for pair in pairs]) for title, pairs in parts if pairs]
        grids.append(Grid([*heads, ("", ["note"])], rows))
    return grids


def _detection_row(
    label: str, printed: Detection | None, found: Measured, key: Key, columns: Sequence[str]
) -> list[str]:
    cells = [label]
    for name in columns:
        if name in ("tp", "fp", "fn"):
            cells += [_printed_count(printed, name), _measured_count(found, key, name)]
        else:
            cells += [_printed(None if printed is None else getattr(printed, name)), found.shown(key, name, ".3f")]
    return [*cells, _note(printed.note if printed else "", found, key)]


def _printed_count(printed: Detection | None, name: str) -> str:
    """A published number of sources, with the percentage that is printed behind it."""
    if printed is None:
        return MISSING
    percent = {"tp": printed.tp_percent, "fp": math.nan, "fn": printed.fn_percent}[name]
    return _count(getattr(printed, name)) + (f" ({percent:g}%)" if math.isfinite(percent) else "")


def _measured_count(found: Measured, key: Key, name: str) -> str:
    """A number of sources of this run; found and missed ones with what they are of all, as in the papers."""
    count, total = found.value(key, name), found.value(key, "n_sources")
    return _count(count) + (f" ({100 * count / total:.1f}%)" if name != "fp" and total > 0 else "")


def _count(value: float) -> str:
    return f"{value:.0f}" if math.isfinite(value) else MISSING


def _printed(value: float | None) -> str:
    """A published figure, with the digits of print."""
    return str(value) if value is not None and math.isfinite(value) else MISSING


def _note(theirs: str, found: Measured, key: Key) -> str:
    """What is said of a published figure, and of ours or why there is none."""
    ours = found.lacks(*key) or found.note(*key)
    return "; ".join(part for part in (f"{PUBLISHED}: {theirs}" if theirs else "", ours and f"{OURS}: {ours}") if part)


def _residuals(found: Measured, config: Mapping[str, Any]) -> Section:
    printed = {row.parameter: row for row in published.RESIDUALS}
    methods = [CHAIN, *dict.fromkeys(method for _, method in found.rows if method != CHAIN)]
    ours = [OURS if method == CHAIN else f"{OURS}, {label_of(method)}" for method in methods]

    def row(parameter: str, label: str, names: Sequence[str], form: str = ".3f") -> list[str]:
        theirs = printed.get(parameter)
        cells = [label]
        for name in names:
            cells.append(_printed(None if theirs is None else getattr(theirs, name)))
            cells += [found.shown((parameter, method), name, form) for method in methods]
        cells.append(_count(published.N_DETECTED_SOURCES if theirs else math.nan))
        cells += [_count(found.value((parameter, method), "n_sources")) for method in methods]
        return [*cells, _residual_note(theirs.note if theirs else "", found, parameter, methods)]

    def grid(heads: Mapping[str, str], parts: Sequence[tuple[str, Mapping[str, str]]]) -> Grid:
        above = [("", ["Parameter residual"]), *((head, [PUBLISHED, *ours]) for head in (*heads.values(), "sources"))]
        rows = [(title, [row(name, label, [*heads]) for name, label in some.items()]) for title, some in parts if some]
        return Grid([*above, ("", ["note"])], rows)

    more = {
        name: f"{name.replace('_', ' ')} ({line['unit']})" if line.get("unit") else name.replace("_", " ")
        for (name, _), line in found.rows.items()
        if name not in {**TABLE_5, **RELATIVE}
    }
    moments = [("", TABLE_5), ("From the text of section 5.2", RELATIVE), (ONLY_OURS, more)]
    fractions = [("", {name: label for name, label in TABLE_5.items() if math.isfinite(printed[name].within_1)})]
    return Section(
        "MNRAS Table 5: residuals, true - predicted",
        [difference(config, MNRAS)],
        [grid({"mean": "mean", "std": "std"}, moments), grid(FRACTIONS, fractions)],
        [
            "The second table has the shares of sources of section 5.2 whose relative error is below a limit. Medians, "
            "1.4826 MAD and whatever else this run measures are in tables/parameters.md."
        ],
    )


def _residual_note(theirs: str, found: Measured, parameter: str, methods: Sequence[str]) -> str:
    """As `_note`, for rows of several methods; what all say stands once."""
    ours = dict.fromkeys(_note("", found, (parameter, method)) for method in methods)
    return "; ".join(part for part in (f"{PUBLISHED}: {theirs}" if theirs else "", *ours) if part)


def _stages(found: Measured, config: Mapping[str, Any]) -> Section:
    printed = {row.stage: row for row in published.STAGES}
    heads = [("", ["Step", "meaning"]), *((head, [PUBLISHED, OURS]) for head in ("candidates", "truly false"))]
    heads += [("share of false ones", [PUBLISHED, OURS]), ("", ["note"])]

    def row(stage: str) -> list[str]:
        theirs, key = printed.get(stage), (stage,)
        share = f"{theirs.n_false / theirs.n_candidates:.3f}" if theirs else MISSING
        cells = [stage.replace("_", " "), MEANING.get(stage) or found.text(key, "meaning")]
        for name in ("n_candidates", "n_false"):
            cells += [_printed(getattr(theirs, name) if theirs else None), _count(found.value(key, name))]
        return [
            *cells,
            share,
            found.shown(key, "false_fraction", ".3f"),
            _note(theirs.note if theirs else "", found, key),
        ]

    more = [stage for (stage,) in found.rows if stage not in printed]
    parts = [("", [row(stage) for stage in printed]), (ONLY_OURS, [row(stage) for stage in more])]
    return Section(
        "MNRAS section 5.1: candidates from step to step",
        [
            "Published: text of section 5.1, shares from its counts. This run: a candidate is truly false if matching "
            "one to one leaves it without a true source, so of two candidates for one source one is false.",
            difference(config, MNRAS),
        ],
        [Grid(heads, [part for part in parts if part[1]])],
    )


def _times(found: Measured) -> Section:
    heads = [
        ("", ["Method, stage"]),
        ("seconds a cube", [PUBLISHED, OURS]),
        (OURS, ["CPU seconds", "cubes", "hardware"]),
    ]
    heads += [("published", ["source", "hardware"]), ("", ["note"])]
    printed = {(row.method, row.stage): row for row in published.TIMES}

    def row(key: Key) -> list[str]:
        theirs = printed.get((key[0], key[1]))
        ours = [found.shown(key, name, ".3g") for name in ("seconds_per_cube", "cpu_seconds_per_cube")]
        return [
            f"{TABLE_4.get(key[0], label_of(key[0]))}, {label_of(key[1])}",
            _printed(theirs.seconds if theirs else None),
            *ours,
            _count(found.value(key, "n_cubes")),
            found.text(key, "hardware"),
            theirs.source.removeprefix(f"{PUBLISHED} ") if theirs else MISSING,
            theirs.hardware if theirs else "",
            _note(theirs.note if theirs else "", found, key),
        ]

    more = [key for key in found.rows if key not in printed]
    parts = [("", [row(key) for key in printed]), (ONLY_OURS, [row(key) for key in more])]
    return Section(
        "ESO study section 5.5, MNRAS and ECML: times",
        [
            f"Published: {published.N_TEST_CUBES} cubes of 256 x 256 pixels and 128 channels, prediction only, on the "
            "hardware named. This run: measured once while it ran, so without an interval."
        ],
        [Grid(heads, [part for part in parts if part[1]])],
        _speed_up(found),
    )


def _speed_up(found: Measured) -> list[str]:
    """How much longer CLEAN takes than Blobs Finder, the ratio that ESO 5.5 prints."""
    clean, blobs = (found.value(key, "seconds_per_cube") for key in ((TCLEAN, "clean"), (CHAIN, BLOBS)))
    if not (math.isfinite(clean) and blobs > 0):
        return [f"The ratio of CLEAN to Blobs Finder: {MISSING}, as this run lacks the time of one of them."]
    return [f"CLEAN takes {clean / blobs:.0f} times as long as Blobs Finder in this run."]
