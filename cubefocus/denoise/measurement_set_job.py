"""Write a Measurement Set, as a program in a process of its own (see `cubefocus.denoise.measurement_set`).

Called as ``python -P measurement_set_job.py --noconfig VISIBILITIES.npz SET.ms`` with ``CASASITECONFIG`` set. It
imports nothing of the package, so that CASA shares its process with nothing else; ``--noconfig`` is for CASA itself.

CASA's simulator makes the empty set with all of its tables. One spectral channel of Stokes I goes into it, what is read
row by row in a TiledColumnStMan: with the StandardStMan, WSClean takes three times as long.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

STOKES_I = 1  # casacore's Stokes::I
TOPOCENTRIC = 5  # casacore's MFrequency::TOPO
TILE_ROWS = 16_384
# Shapes of the cells that go into a storage of their own, with tiles of many rows.
CELLS: dict[str, tuple[int, ...]] = {"DATA": (1, 1), "FLAG": (1, 1), "SIGMA": (1,), "WEIGHT": (1,), "UVW": (3,)}
DIRECT_FIXED = 5  # casacore's ColumnDesc::Direct and FixedShape
UNUSED = ("MODEL_DATA", "CORRECTED_DATA")


def write(given: dict[str, np.ndarray], path: Path) -> None:
    """Write what `cubefocus.denoise.measurement_set` hands over."""
    from casatools import simulator, table

    tool, main, empty = simulator(), table(), f"{path}.empty"
    if not tool.open(empty):
        raise RuntimeError(f"{path.name} cannot be created")
    tool.close()
    tool.done()
    main.open(empty)
    managers = main.getdminfo()
    for manager in managers.values():  # UVW cannot be removed, but be stored in another way in a copy
        manager["COLUMNS"] = np.array([name for name in manager["COLUMNS"] if name != "UVW"])
    managers[f"*{len(managers) + 1}"] = _tiled("UVW")
    copied = main.copy(str(path), deep=True, valuecopy=True, dminfo=managers, returnobject=True)
    copied.close()
    main.close()
    for name, columns in _subtables(given).items():
        _fill(path / name, columns)
    main.open(str(path), nomodify=False)
    try:
        again = {name: main.getcoldesc(name) for name in CELLS if name != "UVW"}
        main.removecols([*UNUSED, *again])
        for name, described in again.items():
            shape = {"ndim": len(CELLS[name]), "shape": np.array(CELLS[name], np.int32), "option": DIRECT_FIXED}
            storage = {"dataManagerType": "TiledColumnStMan", "dataManagerGroup": f"Tiled{name}"}
            main.addcols({name: described | shape | storage}, {"*1": _tiled(name)})
        _put(main, _main_columns(given))
    finally:
        main.close()


def _tiled(name: str) -> dict[str, Any]:
    tiles = {"DEFAULTTILESHAPE": np.array([*CELLS[name], TILE_ROWS], np.int32)}
    return {"COLUMNS": np.array([name]), "NAME": f"Tiled{name}", "TYPE": "TiledColumnStMan", "SPEC": tiles}


def _main_columns(given: dict[str, np.ndarray]) -> dict[str, Any]:
    rows = len(given["time_s"])
    none, interval = np.zeros(rows, np.int32), np.full(rows, float(given["integration_s"]))
    counters = ("FIELD_ID", "DATA_DESC_ID", "ARRAY_ID", "OBSERVATION_ID", "FEED1", "FEED2", "PROCESSOR_ID")
    return {
        "UVW": given["uvw"], "DATA": given["visibilities"].astype(np.complex64)[:, None, None],
        "FLAG": np.zeros((rows, 1, 1), bool), "FLAG_ROW": np.zeros(rows, bool),
        "SIGMA": np.ones((rows, 1)), "WEIGHT": np.ones((rows, 1)),
        "TIME": given["time_s"], "TIME_CENTROID": given["time_s"], "INTERVAL": interval, "EXPOSURE": interval,
        "ANTENNA1": given["antenna1"].astype(np.int32), "ANTENNA2": given["antenna2"].astype(np.int32),
        "SCAN_NUMBER": none + 1, "STATE_ID": none - 1, **dict.fromkeys(counters, none),
    }  # fmt: skip


def _subtables(given: dict[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """Columns by name of the subtables that are not left empty."""
    names = [str(name) for name in given["names"]]
    none, flag, channel = np.zeros(1, np.int32), np.zeros(1, bool), np.full((1, 1), float(given["width_hz"]))
    frequency = np.full((1, 1), float(given["frequency_hz"]))
    start, end = float(given["time_s"].min()), float(given["time_s"].max())
    direction = np.reshape(given["centre_rad"], (1, 1, 2))
    return {
        "ANTENNA": {
            "NAME": names, "STATION": names, "TYPE": ["GROUND-BASED"] * len(names), "MOUNT": ["X-Y"] * len(names),
            "POSITION": given["positions_m"], "OFFSET": np.zeros((len(names), 3)),
            "DISH_DIAMETER": np.full(len(names), float(given["diameter_m"])), "FLAG_ROW": np.zeros(len(names), bool),
        },
        "FIELD": {
            "NAME": ["field"], "CODE": [""], "TIME": np.array([start]), "NUM_POLY": none, "SOURCE_ID": none - 1,
            "PHASE_DIR": direction, "DELAY_DIR": direction, "REFERENCE_DIR": direction, "FLAG_ROW": flag,
        },
        "SPECTRAL_WINDOW": {
            "NAME": ["window"], "NUM_CHAN": none + 1, "REF_FREQUENCY": frequency[0], "CHAN_FREQ": frequency,
            "CHAN_WIDTH": channel, "EFFECTIVE_BW": channel, "RESOLUTION": channel, "TOTAL_BANDWIDTH": channel[0],
            "MEAS_FREQ_REF": none + TOPOCENTRIC, "NET_SIDEBAND": none, "FREQ_GROUP": none, "FREQ_GROUP_NAME": [""],
            "IF_CONV_CHAIN": none, "FLAG_ROW": flag,
        },
        "POLARIZATION": {
            "NUM_CORR": none + 1, "CORR_TYPE": np.full((1, 1), STOKES_I, np.int32),
            "CORR_PRODUCT": np.zeros((1, 1, 2), np.int32), "FLAG_ROW": flag,
        },
        "DATA_DESCRIPTION": {"SPECTRAL_WINDOW_ID": none, "POLARIZATION_ID": none, "FLAG_ROW": flag},
        "OBSERVATION": {
            "TELESCOPE_NAME": ["LOFAR"], "OBSERVER": [""], "PROJECT": ["simulation"], "SCHEDULE_TYPE": [""],
            "TIME_RANGE": np.array([[start, end]]), "RELEASE_DATE": np.zeros(1), "FLAG_ROW": flag,
        },
    }  # fmt: skip


def _fill(path: Path, columns: dict[str, Any]) -> None:
    from casatools import table

    tool = table()
    tool.open(str(path), nomodify=False)
    try:
        _put(tool, columns)
    finally:
        tool.close()


def _put(tool: Any, columns: dict[str, Any]) -> None:
    """Fill an empty table with columns that are arrays, rows first, or lists of texts."""
    tool.addrows(len(next(iter(columns.values()))))
    for name, values in columns.items():
        tool.putcol(name, values if isinstance(values, list) else np.asarray(values).T)  # casatools has the rows last


if __name__ == "__main__":
    source, target = sys.argv[-2:]
    with np.load(source) as archive:
        write({name: archive[name] for name in archive.files}, Path(target))
