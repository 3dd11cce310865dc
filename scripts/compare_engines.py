"""Push a hard sky through both engines for every observing set-up of the experiment."""

from pathlib import Path

from common import job

from cubefocus.engines.validation import compare, comparison_table, hard_sky
from cubefocus.instrument.observation import Observation
from cubefocus.report.figures.engines import engines_figure
from cubefocus.report.figures.style import save_figure
from cubefocus.report.render import write_table

with job(snakemake) as provenance:
    comparisons = []
    for number, setup in enumerate(Observation.list_from_mapping(snakemake.params.observation)):
        name = f"{setup.array}, {setup.centre.dec.deg:.0f} deg, hour angle {setup.hour_angle_h:g} h"
        casa_log = Path(snakemake.log[0]).with_suffix(".casa.log")
        one = compare(name, hard_sky(setup), setup, snakemake.input.responses, seed=snakemake.params.seed, log=casa_log)
        save_figure(engines_figure(one), Path(snakemake.output.png[number]).with_suffix(""), provenance)
        comparisons.append(one)
    write_table(comparison_table(comparisons), Path(snakemake.output.csv).with_suffix(""), provenance)
