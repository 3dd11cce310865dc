"""Table of the proposers: completeness at a number of false sources a cube, and what the search takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from cubefocus.files import atomic_path, read_table, write_table
from cubefocus.general.scores import Scores
from cubefocus.jobs.heldout_cubes import TABLE
from cubefocus.settings import ComparisonSettings
from cubefocus.stats.intervals import wilson

INTERVAL = 0.68
COLUMNS: dict[str, Any] = {
    "proposals": "U32", "cubes_of": "U24", "cubes": int, "sources": int, "threshold": float, "completeness": float,
    "completeness_lo": float, "completeness_hi": float, "false_per_cube": float, "completeness_at_rate": float,
    "cpu_s_per_cube": float, "cpu_s_per_megavoxel": float,
}  # fmt: skip


@dataclass(frozen=True)
class CompareProposers:
    """What the table is made from.

    Attributes
    ----------
    validation, test : mapping of str to sequence of str
        ``candidates`` and ``times``, tables of each set-up, and ``cubes``, their folders.
    comparison : mapping
        Config section.
    trained_types : sequence of str
        Sky types that the network has learnt from.
    csv, markdown : str
        Files to write.
    provenance : mapping
    """

    validation: Mapping[str, Sequence[str]]
    test: Mapping[str, Sequence[str]]
    comparison: Mapping[str, Any]
    trained_types: Sequence[str]
    csv: str
    markdown: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: CompareProposers) -> None:
    """Make the table.

    Raises
    ------
    CubefocusError
        If a table cannot be read.
    """
    rate = ComparisonSettings.from_mapping(job.comparison).false_per_cube
    validation, test = (_Split.read(paths) for paths in (job.validation, job.test))
    rows = [*_rows(validation, test, set(job.trained_types), rate)]
    table = Table({name: np.array([row[name] for row in rows], dtype=kind) for name, kind in COLUMNS.items()})
    write_table(job.csv, table, job.provenance)
    with atomic_path(job.markdown) as part:
        part.write_text(markdown(table, rate), encoding="utf-8")


@dataclass(frozen=True, eq=False)
class _Split:
    """Tables of all set-ups of a split."""

    candidates: Table
    truth: Table
    times: Table

    @classmethod
    def read(cls, paths: Mapping[str, Sequence[str]]) -> _Split:
        return cls(*(
            vstack([read_table(path) for path in listed], metadata_conflicts="silent")
            for listed in (paths["candidates"], [Path(one) / TABLE for one in paths["cubes"]], paths["times"])
        ))  # fmt: skip

    @property
    def proposals(self) -> list[str]:
        return list(dict.fromkeys(self.times["proposer"].tolist()))

    def scores(self, proposal: str, restored: bool | None = None) -> Scores:
        """Of all cubes, or of the dirty or the restored ones."""
        found, truth, times = (
            one if restored is None else one[np.asarray(one["restored"]) == restored]
            for one in (self.candidates, self.truth, self.times)
        )
        n_cubes = int((times["proposer"] == proposal).sum())
        return Scores.of(found[found["proposer"] == proposal], len(truth), n_cubes)

    def by_type(self, proposal: str, types: set[str], threshold: float) -> tuple[int, int]:
        """How many sources of some types are found above a threshold, and how many there are."""
        names = ("setup", "cube_id", "source")
        wanted = {tuple(int(row[name]) for name in names) for row in self.truth if str(row["type"]) in types}
        high = self.candidates[
            (self.candidates["proposer"] == proposal) & (self.candidates["significance"] >= threshold)
        ]
        found = {tuple(int(row[name]) for name in names) for row in high}
        return len(wanted & found), len(wanted)


def _rows(validation: _Split, test: _Split, trained: set[str], rate: float) -> Iterator[dict[str, Any]]:
    """One row for each proposer and kind of cubes or sources."""
    every = set(test.truth["type"].tolist())
    for proposal in test.proposals:
        times = test.times[test.times["proposer"] == proposal]
        for name, restored in (("all", None), ("dirty", False), ("restored", True)):
            threshold = validation.scores(proposal, restored).threshold(rate)
            scores = test.scores(proposal, restored)
            found, false = scores.above(threshold)
            of = times if restored is None else times[np.asarray(times["restored"]) == restored]
            at_rate, _ = scores.above(scores.threshold(rate))
            seconds = float(np.sum(of["cpu_s"]))
            yield _row(proposal, name, scores.n_cubes, scores.n_sources, threshold, found) | {
                "false_per_cube": false / scores.n_cubes,
                "completeness_at_rate": at_rate / scores.n_sources,
                "cpu_s_per_cube": seconds / scores.n_cubes,
                "cpu_s_per_megavoxel": 1e6 * seconds / float(np.sum(of["voxels"])),
            }
        threshold = validation.scores(proposal).threshold(rate)
        for name, types in (("types trained on", every & trained), ("other types", every - trained)):
            found, number = test.by_type(proposal, types, threshold)
            yield _row(proposal, name, test.scores(proposal).n_cubes, number, threshold, found) | dict.fromkeys(
                ("false_per_cube", "completeness_at_rate", "cpu_s_per_cube", "cpu_s_per_megavoxel"), float("nan")
            )


def _row(proposal: str, name: str, n_cubes: int, n_sources: int, threshold: float, found: int) -> dict[str, Any]:
    low, high = wilson(np.array([found]), np.array([n_sources]), INTERVAL)
    return {
        "proposals": proposal, "cubes_of": name, "cubes": n_cubes, "sources": n_sources, "threshold": threshold,
        "completeness": found / n_sources if n_sources else float("nan"), "completeness_lo": float(low[0]),
        "completeness_hi": float(high[0]),
    }  # fmt: skip


def markdown(table: Table, rate: float) -> str:
    """The table as Markdown, with what its columns are."""
    heads = ("proposals", "of", "cubes", "sources", "threshold", "completeness", "false a cube",
             f"completeness at {rate:g} false a cube", "CPU s a cube", "CPU s a megavoxel")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", f"| --- | --- |{' ---: |' * (len(heads) - 2)}"]
    for row in table:
        interval = f"{row['completeness']:.3f} ({row['completeness_lo']:.3f} to {row['completeness_hi']:.3f})"
        rest = [row[name] for name in
                ("false_per_cube", "completeness_at_rate", "cpu_s_per_cube", "cpu_s_per_megavoxel")]  # fmt: skip
        shown = ["" if np.isnan(value) else f"{value:.3g}" for value in rest]
        cells = [row["proposals"], row["cubes_of"], row["cubes"], row["sources"], f"{row['threshold']:.2f}", interval]
        lines.append(f"| {' | '.join(map(str, [*cells, *shown]))} |")
    note = (
        f"Thresholds are those of {rate:g} false sources a cube on the validation cubes, used once on the test cubes; "
        "in brackets intervals of 68 %. The last but two is read off the test cubes themselves. Of several islands "
        "of a source, as lines make them, the highest counts alone. Times are those of the processor."
    )
    return "\n".join([*lines, "", note, ""])
