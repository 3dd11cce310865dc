"""Read, clean or join Measurement Sets, as a program in a process of its own (see `cubefocus.engines.imaging`).

Called as `casa_job.py` beside it, whose ``main`` it uses: ``job.json`` goes in, ``result.json`` or ``error.json`` comes
out, and what the function named in ``task`` says. It imports nothing of the package either.
"""

from __future__ import annotations

import json
import runpy
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

CHUNK = 64e6  # bytes of visibilities that are in memory at once
PARALLEL = (("I",), ("XX", "YY"), ("RR", "LL"))  # correlations whose mean is Stokes I
CODES = {1: "I", 5: "RR", 6: "RL", 7: "LR", 8: "LL", 9: "XX", 10: "XY", 11: "YX", 12: "YY"}


class RefusedError(Exception):
    """A Measurement Set that cannot be used as it is asked for; the message says why."""


@contextmanager
def opened(path: str | Path) -> Iterator[Any]:
    """Give the tool of CASA that reads a table, and close it."""
    from casatools import table

    tool = table()
    tool.open(str(path))
    try:
        yield tool
    finally:
        tool.close()


def read(job: dict[str, Any]) -> dict[str, Any]:
    """Write the visibilities of each window to ``window<number>.npz`` and its primary beam to ``pb<number>.fits``.

    An archive holds, a value a row, ``visibilities``, Stokes I averaged over the channels, ``weights``, ``uvw_m`` (row,
    3), ``antenna1``, ``antenna2`` and ``time_s``. Flagged rows and autocorrelations are left out.

    Returns
    -------
    dict
        ``windows``: for each its number ``window``, ``frequency_hz``, ``channels`` with data and ``channel``, one of
        them, ``column``, and ``flagged``, the share of rows that are left out. What `field_facts` tells besides.
    """
    path = job["ms"]
    facts = field_facts(path, job["field_id"])
    windows = []
    for window, descriptions in chosen_windows(path, job["field_id"], job["windows"]).items():
        windows.append(export_window(path, job["field_id"], window, descriptions))
    if not windows:
        raise RefusedError(f"field {job['field_id']} has no data")
    for one in windows:
        primary_beam(job, one)
    return {"windows": windows, **facts}


def field_facts(path: str, field: int) -> dict[str, Any]:
    """Where a field is, and how many others have data."""
    with opened(f"{path}/FIELD") as tool:
        names = [str(name) for name in tool.getcol("NAME")]
        if field >= len(names):
            known = ", ".join(f"{number} ({name})" for number, name in enumerate(names))
            raise RefusedError(f"field {field} is not there; it has {known}")
        direction = np.asarray(tool.getcell("PHASE_DIR", field))[:, 0]
        measure = tool.getcolkeyword("PHASE_DIR", "MEASINFO")
        frame = str(measure.get("Ref", "J2000"))
        if "VarRefCol" in measure:
            code = int(tool.getcell(measure["VarRefCol"], field))
            frame = str(dict(zip(measure["TabRefCodes"], measure["TabRefTypes"], strict=True))[code])
    if frame not in ("J2000", "ICRS"):
        raise RefusedError(f"field {field} is told in the frame {frame}; turn it into ICRS with CASA's phaseshift")
    with opened(path) as tool:
        fields = np.unique(tool.getcol("FIELD_ID"))
    degrees = [float(np.rad2deg(direction[0]) % 360.0), float(np.rad2deg(direction[1]))]
    return {"field": names[field], "fields": len(fields), "direction_deg": degrees, "frame": frame}


def chosen_windows(path: str, field: int, wanted: list[int]) -> dict[int, list[int]]:
    """Data descriptions by spectral window, of those that are wanted, or of all with data of a field."""
    with opened(path) as tool:
        used = {int(one) for one in np.unique(tool.getcol("DATA_DESC_ID")[tool.getcol("FIELD_ID") == field])}
    with opened(f"{path}/DATA_DESCRIPTION") as tool:
        of = [int(window) for window in tool.getcol("SPECTRAL_WINDOW_ID")]
    found: dict[int, list[int]] = {}
    for description in sorted(used):
        found.setdefault(of[description], []).append(description)
    for window in wanted:
        if window not in found:
            raise RefusedError(f"spectral window {window} has no data of field {field}; {sorted(found)} have")
    return {window: found[window] for window in wanted or sorted(found)}


def export_window(path: str, field: int, window: int, descriptions: list[int]) -> dict[str, Any]:
    """Write one window; give what `read` tells of it."""
    with opened(f"{path}/SPECTRAL_WINDOW") as tool:
        frequencies = np.atleast_1d(tool.getcell("CHAN_FREQ", window))
    with opened(path) as tool:
        column = "CORRECTED_DATA" if corrected(tool) else "DATA"
    parts = [part for one in descriptions for part in rows_of(path, field, one, column, len(frequencies))]
    joined: dict[str, Any] = {key: np.concatenate([part[key] for part, _ in parts]) for key in parts[0][0]}
    rows, kept = joined.pop("rows").sum(), len(joined["weights"])
    if not kept:
        raise RefusedError(f"every visibility of field {field} in spectral window {window} is flagged")
    np.savez(f"window{window}.npz", **joined)
    seen = np.sum([each for _, each in parts], axis=0)
    mean = float(np.average(frequencies, weights=seen))
    # the channel in which the primary beam is made must have data
    with_data = np.flatnonzero(seen > 0)
    channel = int(with_data[np.argmin(np.abs(frequencies[with_data] - mean))])
    told = {"window": window, "frequency_hz": mean, "channels": len(with_data), "channel": channel, "column": column}
    return told | {"flagged": 1.0 - kept / float(rows)}


def rows_of(
    path: str, field: int, description: int, column: str, channels: int
) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Give the rows of a data description some at a time, as `stokes_i` does, and their number as ``rows``."""
    pair = correlations(path, description)
    with opened(path) as whole:
        tool = whole.query(f"FIELD_ID=={field} && DATA_DESC_ID=={description} && ANTENNA1!=ANTENNA2")
        total, step = tool.nrows(), max(1, int(CHUNK / (16 * channels * 4)))
        for start in range(0, total, step):
            rows = min(step, total - start)
            part, seen = stokes_i(tool, column, pair, start, rows, channels)
            yield part | {"rows": np.array([rows])}, seen
        tool.close()


def correlations(path: str, description: int) -> list[int]:
    """Places of the correlations whose mean is Stokes I."""
    with opened(f"{path}/DATA_DESCRIPTION") as tool:
        polarization = int(tool.getcell("POLARIZATION_ID", description))
    with opened(f"{path}/POLARIZATION") as tool:
        kinds = [CODES.get(int(code), str(code)) for code in tool.getcell("CORR_TYPE", polarization)]
    for pair in PARALLEL:
        if all(one in kinds for one in pair):
            return [kinds.index(one) for one in pair]
    raise RefusedError(f"its correlations are {', '.join(kinds)}; Stokes I needs XX and YY, or RR and LL")


def corrected(tool: Any) -> bool:
    """Whether there is a column of calibrated data that anything was written to."""
    if "CORRECTED_DATA" not in tool.colnames() or not tool.iscelldefined("CORRECTED_DATA", 0):
        return False
    rows = tool.nrows()
    places = np.unique(np.linspace(0, rows - 1, min(rows, 200)).astype(int))
    return any(np.any(tool.getcell("CORRECTED_DATA", int(row))) for row in places)


def stokes_i(
    tool: Any, column: str, pair: list[int], start: int, rows: int, channels: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Rows averaged over correlations and channels, those with data, and the weight of each channel in them."""
    data, flags = (np.asarray(tool.getcol(name, start, rows))[pair] for name in (column, "FLAG"))
    usable = ~flags.any(axis=0) & ~np.asarray(tool.getcol("FLAG_ROW", start, rows))
    given = weights(tool, pair, start, rows, channels)
    usable &= np.all(given > 0, axis=0) & np.isfinite(data).all(axis=0)
    # of a mean: its variance is the sum of the variances over the square of the number
    each = np.where(usable, len(pair) ** 2 / np.sum(1.0 / np.where(given > 0, given, 1.0), axis=0), 0.0)
    summed = each.sum(axis=0)
    kept = summed > 0
    mean = (np.where(usable, data.mean(axis=0), 0.0) * each).sum(axis=0)[kept] / summed[kept]
    names = {"antenna1": "ANTENNA1", "antenna2": "ANTENNA2", "time_s": "TIME"}
    part = {name: np.asarray(tool.getcol(key, start, rows))[kept] for name, key in names.items()}
    part |= {
        "visibilities": mean,
        "weights": summed[kept],
        "uvw_m": np.asarray(tool.getcol("UVW", start, rows)).T[kept],
    }
    return part, each.sum(axis=1)


def weights(tool: Any, pair: list[int], start: int, rows: int, channels: int) -> np.ndarray:
    """Weights as the Measurement Set has them, shape (correlation, channel, row)."""
    if "WEIGHT_SPECTRUM" in tool.colnames() and tool.iscelldefined("WEIGHT_SPECTRUM", start):
        return np.asarray(tool.getcol("WEIGHT_SPECTRUM", start, rows), dtype=float)[pair]
    each = np.asarray(tool.getcol("WEIGHT", start, rows), dtype=float)[pair]
    return np.broadcast_to(each[:, None, :], (len(pair), channels, each.shape[1]))


def primary_beam(job: dict[str, Any], window: dict[str, Any]) -> None:
    """Write the primary beam of a window on the grid of the image, from one of its channels, to ``pb<number>.fits``."""
    from casatasks import exportfits, tclean

    name = f"beam{window['window']}"
    tclean(
        **gridding(job, [f"{window['window']}:{window['channel']}"], name),
        datacolumn="corrected" if window["column"] == "CORRECTED_DATA" else "data",
        niter=0,
        calcpsf=True,
        calcres=False,
        restoration=False,
        pblimit=-1e-6,  # negative: nothing is masked that the primary beam reaches
    )
    exportfits(f"{name}.pb", f"pb{window['window']}.fits", velocity=False, history=False, dropstokes=True, dropdeg=True)


def gridding(job: dict[str, Any], windows: list[str], name: str) -> dict[str, Any]:
    """Arguments of tclean that all images of a Measurement Set share."""
    return {
        "vis": job["ms"],
        "imagename": name,
        "field": str(job["field_id"]),
        "spw": ",".join(windows),
        "phasecenter": job["field_id"],
        "imsize": [job["size"], job["size"]],
        "cell": f"{job['cell_arcsec']!r}arcsec",
        "specmode": "mfs",
        "gridder": "standard",
        "savemodel": "none",
    }


def clean(job: dict[str, Any]) -> dict[str, Any]:
    """Clean all windows together; write ``restored.fits``, corrected for the primary beam, and ``residual.fits``.

    Returns
    -------
    dict
        ``components``, ``seconds`` of tclean, and what `field_facts` tells.
    """
    from casatasks import exportfits, tclean

    facts = field_facts(job["ms"], job["field_id"])
    windows = chosen_windows(job["ms"], job["field_id"], job["windows"])
    with opened(job["ms"]) as tool:
        column = "corrected" if corrected(tool) else "data"
    began = time.monotonic()
    done = tclean(
        **gridding(job, [str(window) for window in windows], "clean"),
        datacolumn=column,
        weighting=job["weighting"],
        robust=job["robust"],
        niter=job["niter"],
        threshold=f"{job['threshold_mjy']!r}mJy",
        deconvolver="hogbom",
        pbcor=True,
    )
    seconds = time.monotonic() - began
    for kind, file in (("image.pbcor", "restored"), ("residual", "residual")):
        exportfits(f"clean.{kind}", f"{file}.fits", velocity=False, history=False, dropstokes=True, dropdeg=True)
    return {"components": int(done.get("iterdone", 0)), "seconds": seconds, **facts}


def join(job: dict[str, Any]) -> dict[str, Any]:
    """Put Measurement Sets of one field, a spectral window each, into one."""
    from casatasks import concat

    concat(vis=job["sets"], concatvis="joined.ms", dirtol="0.001arcsec", freqtol="1Hz")
    shutil.move("joined.ms", job["joined"])
    return {}


TASKS = {"read": read, "clean": clean, "join": join}


def run(job: dict[str, Any]) -> None:
    """Do one task and write what it tells to ``result.json``, or ``refused``, why it cannot be done."""
    try:
        result = TASKS[job["task"]](job)
    except RefusedError as error:
        result = {"refused": str(error)}
    Path("result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    sys.exit(runpy.run_path(str(Path(__file__).with_name("casa_job.py")))["main"](run))
