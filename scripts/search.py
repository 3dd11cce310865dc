"""Search one cube of a list."""

from pathlib import Path

from cubefocus.cli.search_files import method_of, search
from cubefocus.workflow.script import job

with job(snakemake):
    files = {name: Path(path) for name in ("cube", "psf", "pb") if (path := snakemake.input.get(name))}
    options = snakemake.params["options"]
    purity = None if "psf" in files else options["purity"]
    proposals = None if "psf" in files else options["proposals"]
    rest, memory = options["rest_frequency_ghz"], options["memory"]
    method = method_of(files.get("psf"), files.get("pb"), purity, rest, "auto", memory, proposals)
    search([files["cube"]], Path(snakemake.output["found"]), method, pictures=options["pictures"])
