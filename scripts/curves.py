"""Draw the training curves of all networks."""

from pathlib import Path

from astropy.table import Table
from common import job

from cubefocus.report.figures.style import save_figure
from cubefocus.report.figures.training import training_curves

with job(snakemake) as provenance:
    curves: dict[str, dict[str, Table]] = {}
    for path in map(Path, snakemake.input):
        curves.setdefault(path.parent.name, {})[path.stem] = Table.read(path, format="ascii.csv")
    save_figure(training_curves(curves), Path(snakemake.output.png).with_suffix(""), provenance)
