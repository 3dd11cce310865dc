"""`cubefocus detect` on observations of real telescopes, which are not part of this repository.

    python benchmarks/real.py --folder FOLDER

The folder has the files of `OBSERVED`, from the repositories that stand there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from astropy import units
from astropy.coordinates import SkyCoord
from common import machine, write_results

from cubefocus.alma.inputs import load_dirty
from cubefocus.files import refuse_missing
from cubefocus.search.methods import method_of


@dataclass(frozen=True)
class Observed:
    """A cube of a telescope.

    Attributes
    ----------
    name, source : str
        What it shows, and the repository on GitHub that has it.
    file : str
    options : mapping from str to str
        Further files, ``psf`` and ``pb``.
    place : (ra, dec), optional
        Of its only source, deg, where it is published.
    """

    name: str
    source: str
    file: str
    options: Mapping[str, str] = field(default_factory=dict)
    place: tuple[float, float] | None = None


QUASAR = (205.533741, 9.477317)
PISCO = "J1342+0928, z = 7.54, [CII], ALMA"
OBSERVED = (
    Observed("NGC 4324, CO(1-0), CARMA", "TimothyADavis/KinMSpy", "NGC4324.fits"),
    Observed("NGC 4047, CO(1-0), CARMA, divided by the primary beam", "tonywong94/maskmoment",
             "NGC4047.co.smo7msk.fits.gz"),
    Observed(f"{PISCO}, cleaned", "interferopy/interferopy", "Pisco.cii.455kms.image.fits", place=QUASAR),
    Observed(f"{PISCO}, dirty, with its PSF", "interferopy/interferopy", "Pisco.cii.455kms.dirty.fits",
             {"psf": "Pisco.cii.455kms.psf.fits", "pb": "Pisco.cii.455kms.pb.fits"}, QUASAR),
)  # fmt: skip
NOTE = (
    "Each shows one object: a ring of gas, a disc of gas, and the host of a quasar; the first two are larger than the "
    "beam by far, and no Gaussian. Times -1: what the same search takes for sources in the cube times -1, which holds "
    "none. Off: from the published place of the quasar."
)


def row_of(one: Observed, folder: Path) -> dict[str, Any]:
    """Search a cube and its negative."""
    path, files = folder / one.file, {name: folder / file for name, file in one.options.items()}
    refuse_missing(path, *files.values())
    method = method_of(files.get("psf"), files.get("pb"), None, None, "cpu")
    cube = load_dirty(path)
    start = time.process_time()
    found = method.search(cube, path, 0).catalogue
    seconds = time.process_time() - start
    false = method.search(replace(cube, data=-cube.data), path, 0).catalogue
    return {
        "cube": one.name,
        "pixels, channels": " x ".join(map(str, cube.data.shape[::-1])),
        "from": one.source,
        "sources": len(found),
        "significance": ", ".join(f"{value:.3g}" for value in found["significance"]),
        "flags": ", ".join(sorted({flag for flags in found["flags"] for flag in str(flags).split(";") if flag})),
        "off (arcsec)": None if one.place is None else _off(found, one.place),
        "sources times -1": len(false),
        "CPU s": seconds,
    }


def _off(found: Any, place: tuple[float, float]) -> float:
    wanted = SkyCoord(*place, unit="deg")
    return float(SkyCoord(found["ra"], found["dec"], unit="deg").separation(wanted).min().to_value(units.arcsec))


def main() -> None:
    """Measure, and write ``results/real.md`` and ``.csv``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="with the files")
    options = parser.parse_args()
    facts = machine()
    rows = [row_of(one, options.folder) for one in OBSERVED]
    write_results("real", "Observations of real telescopes", rows, facts, [NOTE])


if __name__ == "__main__":
    main()
