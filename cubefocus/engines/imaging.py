"""Read and clean Measurement Sets by CASA, in a process of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from cubefocus.cube.beams import header_beam, set_beam
from cubefocus.cube.writing import write_cube
from cubefocus.denoise.skyfits import sky_header
from cubefocus.engines.casa import CasaError, require_casa, run_job
from cubefocus.errors import CubefocusError
from cubefocus.resolve.scatter import variance_factor
from cubefocus.resolve.visibilities import Visibilities, Window
from cubefocus.specs import WEIGHTINGS

logger = logging.getLogger(__name__)

FRAMES = {"J2000": "FK5", "ICRS": "ICRS"}  # CASA's words and those of FITS


def read_measurement_set(
    path: str | Path,
    size: int,
    cell_arcsec: float,
    windows: Sequence[int] = (),
    field_id: int = 0,
    log: str | Path = "casa.log",
    scratch: str | Path | None = None,
) -> Visibilities:
    """Visibilities of one field of a calibrated Measurement Set, in Stokes I, with primary beams for an image.

    Calibrated data are those of ``CORRECTED_DATA`` where something was written to it, and of ``DATA`` otherwise. Stokes
    I is the mean of XX and YY, or of RR and LL, and needs both; channels of a spectral window are averaged by weight,
    flagged data and autocorrelations are left out. Weights are those of the Measurement Set in form; a factor for
    each window makes them agree with the scatter of the data (`variance_factor`), as CASA's simulator, among others,
    leaves weights of 1.

    Parameters
    ----------
    path : path
    size : int
        Side of the image in px.
    cell_arcsec : float
    windows : sequence of int
        Numbers of spectral windows; all with data of the field if there are none.
    field_id : int
    log : path
        Receives all that CASA says.
    scratch : path, optional
        Where the scratch directory is made.

    Returns
    -------
    Visibilities
        Among its facts ``variance_factors`` of the windows (1 where the data do not tell it).

    Raises
    ------
    CubefocusError
        If there is no such Measurement Set, field or spectral window, all of it is flagged, or it has no correlations
        that give Stokes I.
    CasaError
        If CASA fails.
    """
    asked = {"size": size, "cell_arcsec": cell_arcsec, "windows": [*windows], "field_id": field_id}
    with _imaging(path, {"task": "read", **asked}, log, scratch) as (work, result):
        header = _header(result, (size, size), cell_arcsec)
        read = [_window(work, one, (size, size), path) for one in result["windows"]]
    found, factors = zip(*read, strict=True)
    if result["fields"] > 1:
        logger.warning(
            "%s: %d fields have data, and field %d (%s) is all that is used: a mosaic is imaged a pointing at a time",
            *(path, result["fields"], field_id, result["field"]),
        )
    columns = {key: [one[key] for one in result["windows"]] for key in ("window", "channels", "column", "flagged")}
    facts = {"source": str(path), "field": result["field"], "fields": result["fields"], **columns}
    return Visibilities(found, header, facts | {"variance_factors": [*factors]})


@contextmanager
def _imaging(
    path: str | Path, job: Mapping[str, Any], log: str | Path, scratch: str | Path | None
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Run the program on a Measurement Set; give its directory and result."""
    check_measurement_set(path)
    require_casa()
    values = {**job, "ms": str(Path(path).absolute())}
    with run_job(values, {}, Path(log).absolute(), scratch, str(path), "imaging_job.py") as (work, result):
        if "refused" in result:
            raise CubefocusError(f"{path}: {result['refused']}")
        yield work, result


def check_measurement_set(path: str | Path) -> None:
    """Refuse what is no Measurement Set.

    Raises
    ------
    CubefocusError
    """
    path = Path(path)
    if not path.exists():
        raise CubefocusError(f"{path}: no such Measurement Set; check the path")
    if not (path / "table.dat").is_file() or not (path / "SPECTRAL_WINDOW").is_dir():
        raise CubefocusError(
            f"{path}: not a Measurement Set, which is a folder with table.dat and SPECTRAL_WINDOW; "
            "CASA's importasdm and importuvfits make one"
        )


def _header(result: Mapping[str, Any], shape: tuple[int, int], cell_arcsec: float) -> fits.Header:
    right_ascension, declination = result["direction_deg"]
    return sky_header(shape, cell_arcsec, (right_ascension, declination), FRAMES[result["frame"]])


def _window(work: Path, told: Mapping[str, Any], shape: tuple[int, int], path: str | Path) -> tuple[Window, float]:
    """A window with weights that agree with its scatter, and the factor of variance that does it."""
    with np.load(work / f"window{told['window']}.npz") as archive:
        rows = {name: archive[name] for name in archive}
    of = ("visibilities", "weights", "antenna1", "antenna2", "time_s")
    factor = variance_factor(*(rows[name] for name in of))
    if factor is None:
        logger.warning(
            "%s: spectral window %d has too few integrations to measure its noise: its weights are taken as they are",
            *(path, told["window"]),
        )
        factor = 1.0
    rows["weights"] = rows["weights"] / factor
    beam = _plane(work / f"pb{told['window']}.fits", shape)
    return Window(told["frequency_hz"], **rows, primary_beam=np.nan_to_num(beam, nan=0.0)), factor


def _plane(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """Image that CASA exported, shape (y, x)."""
    image = np.asarray(fits.getdata(path), dtype=np.float64)
    if image.squeeze().shape != shape:
        raise CasaError(f"{path.name}: CASA's image has the shape {image.shape}, and not {shape}")
    return image.reshape(shape)


def clean(
    path: str | Path,
    image: str | Path,
    residual: str | Path,
    *,
    size: int,
    cell_arcsec: float,
    weighting: str = "natural",
    robust: float = 0.5,
    niter: int = 20000,
    threshold_mjy: float = 0.3,
    windows: Sequence[int] = (),
    field_id: int = 0,
    provenance: Mapping[str, Any] | None = None,
    log: str | Path = "casa.log",
    scratch: str | Path | None = None,
) -> dict[str, Any]:
    """CLEAN of one field, all windows together, by tclean (Hogbom's algorithm, multi-frequency synthesis).

    Parameters
    ----------
    path, size, cell_arcsec, windows, field_id, log, scratch
        As for `read_measurement_set`.
    image : path
        FITS to write: Jy/beam, corrected for the primary beam, NaN where that is below 0.2; beam in its header.
    residual : path
        FITS to write: Jy/beam, not corrected.
    weighting : {"natural", "briggs"}
    robust : float
        Of Briggs' weights.
    niter : int
        Components at most.
    threshold_mjy : float
        Residual at which it ends, mJy/beam.
    provenance : mapping
        Goes into both files.

    Returns
    -------
    dict
        ``components`` that were found, and ``seconds`` of tclean.

    Raises
    ------
    CubefocusError, CasaError
        As `read_measurement_set`, or if the weighting is not known.
    """
    if weighting not in WEIGHTINGS:
        raise CubefocusError(f"the weighting is '{weighting}'; it must be {' or '.join(WEIGHTINGS)}")
    job = {"task": "clean", "size": size, "cell_arcsec": cell_arcsec, "windows": [*windows], "field_id": field_id}
    job |= {"weighting": weighting, "robust": robust, "niter": niter, "threshold_mjy": threshold_mjy}
    with _imaging(path, job, log, scratch) as (work, result):
        header = _header(result, (size, size), cell_arcsec)
        header["BUNIT"] = "Jy/beam"
        beam = header_beam(fits.getheader(work / "restored.fits"))
        if beam is None:
            raise CasaError(f"{path}: CASA's image has no beam; see {log}")
        set_beam(header, beam)
        for target, name in ((image, "restored"), (residual, "residual")):
            write_cube(target, _plane(work / f"{name}.fits", (size, size)), header, provenance or {})
    return {"components": result["components"], "seconds": result["seconds"]}


def join(sets: Sequence[Path], target: str | Path, log: str | Path = "casa.log") -> None:
    """Put Measurement Sets of one field, a spectral window each, into one.

    Raises
    ------
    CasaError
        If CASA fails.
    """
    job = {"sets": [str(one.absolute()) for one in sets], "joined": str(Path(target).absolute())}
    with _imaging(sets[0], {"task": "join", **job}, log, None):
        logger.debug("%s: joined from %d windows", target, len(sets))
