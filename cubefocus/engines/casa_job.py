"""One CASA simulation, run as a program in a process and a directory of its own (see `cubefocus.engines.casa`).

Called as ``python -P casa_job.py --noconfig job.json`` in an empty working directory with ``CASASITECONFIG`` set.
It imports nothing of the package, so that CASA shares its process with nothing else. ``--noconfig`` is read by
CASA itself: a personal ``~/.casa/config.py`` must not change a simulation.

Files: ``job.json`` and ``sky.fits`` go in; ``dirty.fits`` and ``result.json`` (or ``error.json``) come out. With
``psf_size`` in the job the response of the set-up comes out instead: ``psf.fits``, ``pb.fits`` and ``sampling.npz``.
With ``niter`` nothing is observed: ``residual.fits``, ``psf.fits``, ``wide.fits``, ``held.fits`` go in, and
``restored.fits`` comes out. With ``imaged`` false the Measurement Set is all that is made.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PROJECT = "obs"
# tclean's defaults for cyclefactor, minpsffraction and maxpsffraction, which say where its minor cycles end.
CYCLE_FACTOR, SMALLEST_FRACTION, LARGEST_FRACTION = 1.0, 0.05, 0.8


def predict(job: dict[str, Any]) -> Path:
    """Run ``simobserve``: one pointing, one Measurement Set, with thermal noise where asked. Return its path."""
    from casatasks import simobserve

    # one scan per integration, as simobserve does when it places the pointing itself
    Path("pointing.txt").write_text(f"{job['direction']} {job['integration_s']!r}\n")
    simobserve(
        project=PROJECT,
        skymodel="sky.fits",
        setpointings=False,
        ptgfile="pointing.txt",
        integration=f"{job['integration_s']!r}s",
        totaltime=f"{job['total_time_s']!r}s",
        antennalist=job["array_file"],
        hourangle=job["hour_angle"],
        obsmode="int",
        thermalnoise="tsys-atm" if job["noise"] == "thermal" else "",
        user_pwv=job["pwv_mm"],
        seed=job["seed"],
        graphics="none",
        overwrite=False,  # the directory is new: noise cannot be added twice
    )
    sets = sorted(Path(PROJECT).glob("*.ms"))
    noisy = [path for path in sets if path.name.endswith(".noisy.ms")]
    predicted = next(path for path in sets if path not in noisy)
    check_flags(predicted)  # the noisy one is a copy
    if not job["empty"]:
        check_predicted(predicted)
    if job["noise"] != "thermal":
        return predicted
    for path in set(sets) - set(noisy):
        shutil.rmtree(path)  # the noise-free copy is half of the scratch space
    return noisy[0]


def check_predicted(vis: Path) -> None:
    """Refuse visibilities without noise that are all zero: with noise, nobody would see that the sky is missing."""
    from casatools import table

    tool = table()
    tool.open(str(vis))
    seen = any(np.any(tool.getcol("DATA", start, 20_000)) for start in range(0, tool.nrows(), 20_000))
    tool.close()
    if not seen:
        raise RuntimeError(
            "every predicted visibility is zero, and the sky is not empty: all of its flux is outside of the primary "
            "beam, or CASA could not predict it"
        )


def check_flags(vis: Path) -> None:
    """Refuse a Measurement Set without a usable visibility: CASA flags what is below 8 degrees of elevation."""
    from casatools import table

    tool = table()
    tool.open(str(vis))
    whole_rows, cells = tool.getcol("FLAG_ROW"), tool.getcol("FLAG")
    tool.close()
    if np.all(whole_rows) or np.all(cells):
        raise RuntimeError(
            "every visibility is flagged: the phase centre is below the elevation limit at this array and hour angle"
        )


def image(job: dict[str, Any], vis: Path) -> dict[str, Any]:
    """Make the dirty cube with ``tclean`` (no deconvolution) and write it to ``dirty.fits``.

    The channels of the cube are those of the Measurement Set, frame included, so nothing is regridded.

    Returns
    -------
    dict
        ``beams``: (major arcsec, minor arcsec, position angle deg) of each channel.
    """
    from casatasks import exportfits, tclean

    tclean(**gridding(job, vis, "dirty", job["image_size"]), pblimit=job["pblimit"], savemodel="none")
    exportfits("dirty.image", "dirty.fits", velocity=False, history=False)
    return {"beams": beams("dirty.image", job["n_channels"])}


def gridding(job: dict[str, Any], vis: Path, name: str, size: Any) -> dict[str, Any]:
    """Arguments of tclean that the dirty cube and the response must share."""
    return {
        "vis": str(vis),
        "imagename": name,
        "imsize": size,
        "cell": f"{job['cell_arcsec']!r}arcsec",
        "specmode": "cube",
        "nchan": job["n_channels"],
        "start": f"{job['start_hz']!r}Hz",
        "width": f"{job['width_hz']!r}Hz",
        "weighting": "natural",
        "niter": 0,
    }


def beams(name: str, n_channels: int) -> list[tuple[float, float, float]]:
    """Beam of each channel of a CASA image as (major arcsec, minor arcsec, position angle deg)."""
    from casatools import image as image_tool
    from casatools import quanta

    tool, convert = image_tool(), quanta()
    tool.open(name)
    found = [tool.restoringbeam(channel=channel, polarization=0) for channel in range(n_channels)]
    tool.close()
    keys = (("major", "arcsec"), ("minor", "arcsec"), ("positionangle", "deg"))
    return [tuple(float(convert.convert(one[key], unit)["value"]) for key, unit in keys) for one in found]  # type: ignore[misc]


def export_visibilities(vis: Path, target: str) -> None:
    """Write the visibilities of a Measurement Set to a numpy archive (see `cubefocus.engines.casa.observe`)."""
    from casatools import table

    tool = table()
    tool.open(str(vis))
    columns = {name: tool.getcol(name) for name in ("DATA", "FLAG", "UVW", "TIME", "ANTENNA1", "ANTENNA2")}
    tool.close()
    tool.open(f"{vis}/SPECTRAL_WINDOW")
    frequencies = tool.getcol("CHAN_FREQ")[:, 0]
    tool.close()
    np.savez(
        target,
        visibilities=columns["DATA"].mean(axis=0).T.astype(np.complex64),  # Stokes I is the mean of XX and YY
        flags=columns["FLAG"].any(axis=0).T,
        uvw_m=columns["UVW"].T,
        frequencies_hz=frequencies,
        time_s=columns["TIME"],
        antenna1=columns["ANTENNA1"],
        antenna2=columns["ANTENNA2"],
    )


def response(job: dict[str, Any], vis: Path) -> dict[str, Any]:
    """Write dirty beam, primary beam and sampling of a noise-only Measurement Set.

    Returns
    -------
    dict
        ``beams``: (major arcsec, minor arcsec, position angle deg) of each channel.
    """
    from casatasks import exportfits, tclean

    export_sampling(vis)
    # the second one is for the beams alone: CASA's fit of a beam depends a little on the size of the image
    for name, size in (("response", job["psf_size"]), ("beam", job["image_size"])):
        tclean(
            **gridding(job, vis, name, size),
            calcres=False,
            calcpsf=True,
            restoration=False,
            pblimit=-1e-6,  # negative: nothing is masked that the primary beam reaches
            savemodel="none",
        )
    for kind in ("psf", "pb"):
        exportfits(f"response.{kind}", f"{kind}.fits", velocity=False, history=False)
    return {"beams": beams("beam.psf", job["n_channels"])}


def export_sampling(vis: Path) -> None:
    """Write where a noise-only Measurement Set samples the uv plane, and its noise, to ``sampling.npz``.

    ``uvw_m`` (row, 3); ``integration`` (row): number of the integration; ``variance`` (integration, channel): mean
    square of the real, and of the imaginary, part of a Stokes I visibility, in Jy^2. Flagged rows are left out.
    """
    from casatools import table

    tool = table()
    tool.open(str(vis))
    times, integration = np.unique(tool.getcol("TIME"), return_inverse=True)
    used = np.ones(len(integration), dtype=bool)
    power, count = np.zeros((len(times), 1)), np.zeros(len(times))
    for start in range(0, len(used), 20_000):
        rows = slice(start, start + 20_000)
        data, flags = (tool.getcol(name, start, 20_000) for name in ("DATA", "FLAG"))
        used[rows] = ~flags.any(axis=(0, 1))
        # Stokes I is the mean of XX and YY: half of their mean square
        square = (np.abs(data) ** 2).mean(axis=0) / 2 / data.shape[0] * used[rows]
        member = integration[rows] == np.arange(len(times))[:, None]
        power, count = power + member.astype(float) @ square.T, count + member @ used[rows].astype(float)
    uvw = tool.getcol("UVW").T
    tool.close()
    seen = count > 0
    mean = power[seen] / count[seen, None]
    # time (elevation) and frequency (atmosphere) act on their own: their product is known better than each cell
    variance = np.outer(mean.mean(axis=1), mean.mean(axis=0)) / mean.mean()
    np.savez("sampling.npz", uvw_m=uvw[used], integration=(np.cumsum(seen) - 1)[integration[used]], variance=variance)


def clean(job: dict[str, Any]) -> dict[str, Any]:
    """Deconvolve a dirty cube as ``tclean`` does with its defaults, by convolutions in place of visibilities.

    A minor cycle of ``tclean`` ends at the cycle threshold, and it starts no other one after ``niter`` components,
    counted over all channels, nor below the threshold of the job (Jy/beam). After each the residual is computed anew,
    with a dirty beam of twice the size of the image, which reaches from every pixel to every other one; that of the
    minor cycles does not. What is blank in the cube has neither components nor a residual.

    Returns
    -------
    dict
        ``components``: how many were found.
    """
    from astropy.io import fits
    from casatasks import deconvolve, exportfits, importfits
    from casatools import image as image_tool

    for kind, name in (("residual", "clean.residual"), ("psf", "clean.psf"), ("held", "clean.mask")):
        importfits(f"{kind}.fits", name)
    sidelobe = deconvolve(imagename="clean", niter=0, restoration=False)["maxpsfsidelobe"]
    fraction = min(max(sidelobe * CYCLE_FACTOR, SMALLEST_FRACTION), LARGEST_FRACTION)
    found, tool = 0, image_tool()
    dirty = pixels(tool, "clean.residual")
    residual, wide = dirty, fits.getdata("wide.fits").astype(np.float32).T
    held = pixels(tool, "clean.mask")
    while found < job["niter"]:
        highest = float(np.abs(residual).max())
        if highest <= job["threshold"]:
            break
        level = f"{max(fraction * highest, job['threshold'])!r}Jy"
        cycle = deconvolve(imagename="clean", niter=job["niter"] - found, threshold=level, restoration=False)
        residual = (dirty - seen(pixels(tool, "clean.model"), wide)) * held
        pixels(tool, "clean.residual", residual)
        found += int(cycle["iterdone"])
        if not cycle["iterdone"]:
            break
    deconvolve(imagename="clean", niter=0, restoration=True)
    exportfits("clean.image", "restored.fits", velocity=False, history=False)
    return {"components": found}


def pixels(tool: Any, name: str, values: np.ndarray | None = None) -> np.ndarray:
    """Pixels of a CASA image, shape (x, y, stokes, channel), after those that are given were put into it."""
    tool.open(name)
    if values is not None:
        tool.putchunk(values)
    values = tool.getchunk()
    tool.close()
    return np.asarray(values, dtype=np.float32)


def seen(model: np.ndarray, beam: np.ndarray) -> np.ndarray:
    """Components (x, y, stokes, channel) convolved with a dirty beam whose centre is pixel (x // 2, y // 2)."""
    from scipy.fft import irfft2, rfft2

    (n_x, n_y), (size_x, size_y) = model.shape[:2], beam.shape[:2]
    image = np.empty_like(model)
    for channel in np.ndindex(model.shape[2:]):
        spectrum = rfft2(model[:, :, *channel], (size_x, size_y)) * rfft2(beam[:, :, *channel])
        whole = irfft2(spectrum, (size_x, size_y))
        image[:, :, *channel] = np.roll(whole, (-(size_x // 2), -(size_y // 2)), (0, 1))[:n_x, :n_y]
    return image


def run(job: dict[str, Any]) -> None:
    """Simulate, image and export, or clean; write what is not in the cube to ``result.json``."""
    started = time.monotonic()
    if job.get("niter"):
        Path("result.json").write_text(json.dumps(clean(job)))
        return
    vis = predict(job)
    predicted = time.monotonic()
    result = made_of(job, vis) if job.get("imaged", True) else {}
    imaged = time.monotonic()
    if job.get("visibilities"):
        export_visibilities(vis, job["visibilities"])
    if job.get("keep_ms"):
        shutil.move(vis, job["keep_ms"])
    result["seconds"] = {"simobserve": predicted - started, "tclean": imaged - predicted}
    Path("result.json").write_text(json.dumps(result))


def made_of(job: dict[str, Any], vis: Path) -> dict[str, Any]:
    """Make the response or the dirty cube of a Measurement Set."""
    return response(job, vis) if job.get("psf_size") else image(job, vis)


def leave_with_parent(parent: int, scratch: str) -> None:
    """When the process that waits for the cube is gone, nobody is left to remove the scratch: do it and end."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(run: Callable[[dict[str, Any]], None] = run) -> int:
    """Run the job named last on the command line; 0 when what it makes is there, 1 after an error."""
    job = json.loads(Path(sys.argv[-1]).read_text())
    leave_with_parent(job["parent"], job["scratch"])
    try:
        run(job)
    except Exception as error:  # everything goes to the log; the caller reads the short form
        traceback.print_exc()
        Path("error.json").write_text(json.dumps({"message": f"{type(error).__name__}: {error}"}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
