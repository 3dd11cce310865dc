"""Measurement Sets of CASA: what is read from them agrees with the sky, and what cannot be read is told."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from cubefocus.denoise.skyfits import sky_header
from cubefocus.engines.casa import CasaError
from cubefocus.engines.continuum import noise_seed, observe_continuum, window_observation
from cubefocus.engines.imaging import clean, read_measurement_set
from cubefocus.errors import CubefocusError
from cubefocus.resolve.components import gaussians
from cubefocus.resolve.visibilities import Visibilities, Window
from cubefocus.settings.eso import Component, ContinuumSettings

pytestmark = [
    pytest.mark.casa,
    pytest.mark.skipif(importlib.util.find_spec("casatasks") is None, reason="CASA is not installed"),
]

SIZE, CELL = 64, 0.25
SETTINGS = ContinuumSettings(integration_s=300.0, total_time_s=1200.0)
COMPONENTS = (
    Component(peak=10.0, major_arcsec=1.5, minor_arcsec=1.0, pa_deg=30.0, east_arcsec=3.0, north_arcsec=2.0),
    Component(peak=3.0, major_arcsec=3.0, minor_arcsec=2.0, pa_deg=120.0, east_arcsec=-2.0, north_arcsec=-1.5),
)
RADIAN = 206264.80624709636  # arcsec


def sky(components: tuple[Component, ...] = COMPONENTS) -> np.ndarray:
    return gaussians(components, sky_header((SIZE, SIZE), CELL, (60.0, -35.0), "FK5"))[0]


def predicted(image: np.ndarray, window: Window) -> np.ndarray:
    """Visibilities of an image in Jy/arcsec^2, summed over its pixels."""
    y, x = np.indices(image.shape)
    east, north = (np.array([SIZE // 2 - x, y - SIZE // 2]) * CELL / RADIAN).reshape(2, -1)
    u, v = window.uvw_m.T[:2] * window.frequency_hz / 299792458.0
    seen = (image * window.primary_beam * CELL**2).ravel()
    return np.exp(2j * np.pi * (u[:, None] * east + v[:, None] * north)) @ seen


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("imaging")


@pytest.fixture(scope="module")
def silent(folder: Path) -> Path:
    """Two windows of a sky that is brighter at higher frequencies, without noise."""
    settings = replace(SETTINGS, windows=2, spacing_ghz=20.0)
    ms = folder / "silent.ms"
    observe_continuum(sky(), settings, CELL, ms, spectral_index=3.0, noise="none", log=folder / "silent.log")
    return ms


@pytest.fixture(scope="module")
def noisy(folder: Path) -> Path:
    ms = folder / "noisy.ms"
    observe_continuum(sky(), SETTINGS, CELL, ms, seed=1, number=2, log=folder / "noisy.log")
    return ms


@pytest.fixture(scope="module")
def read(folder: Path, silent: Path) -> Visibilities:
    return read_measurement_set(silent, SIZE, CELL, log=folder / "read.log")


def change(ms: Path, folder: Path, lines: str) -> Path:
    """A copy of a Measurement Set, changed by a program of CASA in a process of its own, which has its table tool."""
    copy = folder / f"copy{len([*folder.glob('copy*')])}.ms"
    shutil.copytree(ms, copy)
    code = (
        f"from casatools import table\ntool = table()\ntool.open({str(copy)!r}, nomodify=False)\n{lines}\ntool.close()"
    )
    site = folder / "site.py"
    site.write_text(
        "import casadata\nmeasurespath = casadata.datapath\nmeasures_auto_update = False\nnologger = True\n"
    )
    environment = os.environ | {"CASASITECONFIG": str(site)}
    done = subprocess.run(
        [sys.executable, "-c", code, "--noconfig"], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return copy


def test_visibilities_are_the_fourier_sum_of_the_sky_in_the_primary_beam(read: Visibilities) -> None:
    """Both windows, each with its primary beam and the brightness at its frequency."""
    assert [window.frequency_hz for window in read.windows] == pytest.approx([220e9, 240e9])
    for window in read.windows:
        expected = predicted(sky() * (window.frequency_hz / 230e9) ** 3, window)
        wrong = np.abs(window.visibilities - expected)
        assert np.sqrt((wrong**2).mean() / (np.abs(expected) ** 2).mean()) < 0.005
        assert window.primary_beam[SIZE // 2, SIZE // 2] == pytest.approx(1.0, abs=1e-4)


def test_short_baselines_are_predicted_to_a_fraction_of_a_thousandth_of_the_flux(read: Visibilities) -> None:
    """All of them are wrong in the same way: at a high signal to noise that would be emission of the sky."""
    for window in read.windows:
        expected = predicted(sky() * (window.frequency_hz / 230e9) ** 3, window)
        short = window.baselines_m < np.median(window.baselines_m)
        wrong = np.abs(window.visibilities - expected)[short]
        assert np.sqrt((wrong**2).mean()) < 3e-4 * np.abs(expected).max()


def test_the_image_is_about_the_phase_centre(read: Visibilities) -> None:
    assert read.shape == (SIZE, SIZE)
    assert read.cell_arcsec == pytest.approx(CELL)
    assert (read.header["CRVAL1"], read.header["CRVAL2"]) == pytest.approx((59.9998333, -34.9998611), abs=1e-6)
    assert (read.header["CRPIX1"], read.header["CRPIX2"], read.header["RADESYS"]) == (33, 33, "FK5")
    assert np.all(np.concatenate([window.antenna1 != window.antenna2 for window in read.windows]))


def test_some_windows_can_be_taken(folder: Path, silent: Path) -> None:
    found = read_measurement_set(silent, SIZE, CELL, windows=[1], log=folder / "one.log")
    assert [window.frequency_hz for window in found.windows] == pytest.approx([240e9])


def test_weights_tell_the_noise_that_was_added(folder: Path, noisy: Path, tmp_path: Path) -> None:
    """CASA's simulator says 1 whatever the noise is."""
    (window,) = read_measurement_set(noisy, SIZE, CELL, log=folder / "weights.log").windows
    noise = window.visibilities - predicted(sky(), window)
    assert (np.abs(noise) ** 2 * window.weights).mean() / 2 == pytest.approx(1.0, abs=0.1)


def test_noise_follows_from_seed_and_number() -> None:
    seeds = {noise_seed(*each) for each in ((1, 0), (1, 1), (2, 0), (1, 0, 1))}
    assert len(seeds) == 4
    assert noise_seed(1, 2) == noise_seed(1, 2)


def test_windows_lie_about_the_frequency() -> None:
    settings = replace(SETTINGS, windows=3, spacing_ghz=2.0)
    assert [window_observation(settings, one, 64, 0.1).frequency_ghz for one in range(3)] == [228.0, 230.0, 232.0]


def test_clean_finds_the_components(folder: Path, noisy: Path) -> None:
    image, residual = folder / "clean.fits", folder / "residual.fits"
    facts = clean(
        noisy, image, residual, size=SIZE, cell_arcsec=CELL, niter=2000, threshold_mjy=30.0, log=folder / "clean.log"
    )
    assert 0 < facts["components"] <= 2000
    header, data = fits.getheader(image), fits.getdata(image)
    beam = header["BMAJ"] * header["BMIN"] * 3600**2 * np.pi / (4 * np.log(2))
    assert (header["BUNIT"], data.shape) == ("Jy/beam", (SIZE, SIZE))
    y, x = np.unravel_index(np.nanargmax(data), data.shape)
    assert (x, y) == pytest.approx((SIZE // 2 - 12, SIZE // 2 + 8), abs=1)
    flux = np.nansum(data[y - 10 : y + 11, x - 10 : x + 11]) * CELL**2 / beam
    assert flux == pytest.approx(10.0 * 1.5 * 1.0 * np.pi / (4 * np.log(2)), rel=0.1)
    assert np.nanstd(fits.getdata(residual)) < 0.1 * np.nanmax(data)


def test_flagged_rows_are_left_out_and_calibrated_data_are_preferred(folder: Path, noisy: Path) -> None:
    lines = (
        "flags = tool.getcol('FLAG_ROW'); flags[::2] = True; tool.putcol('FLAG_ROW', flags)\n"
        "tool.putcol('CORRECTED_DATA', 2 * tool.getcol('DATA'))"
    )
    changed = change(noisy, folder, lines)
    whole, half = (read_measurement_set(one, SIZE, CELL, log=folder / "flags.log") for one in (noisy, changed))
    rows = len(whole.windows[0].weights)
    assert len(half.windows[0].weights) == rows // 2
    assert half.facts["flagged"] == [pytest.approx(0.5)]
    assert half.windows[0].visibilities == pytest.approx(2 * whole.windows[0].visibilities[1::2])


def test_data_that_were_never_calibrated_are_taken_as_they_are(folder: Path, noisy: Path) -> None:
    changed = change(noisy, folder, "tool.putcol('CORRECTED_DATA', 0 * tool.getcol('DATA'))")
    found = read_measurement_set(changed, SIZE, CELL, log=folder / "raw.log")
    assert found.facts["column"] == ["DATA"]
    assert np.abs(found.windows[0].visibilities).min() > 0.0


def test_other_fields_are_told(folder: Path, noisy: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = "fields = tool.getcol('FIELD_ID'); fields[:900] = 1; tool.putcol('FIELD_ID', fields); tool.close()\n"
    path = "copy" + str(len([*folder.glob("copy*")])) + ".ms/FIELD"
    lines += f"tool.open({str(folder / path)!r}, nomodify=False); tool.addrows(1); tool.copyrows({str(folder / path)!r}"
    lines += ", startrowin=0, startrowout=1, nrow=1)"
    changed = change(noisy, folder, lines)
    with caplog.at_level(logging.WARNING):
        found = read_measurement_set(changed, SIZE, CELL, log=folder / "fields.log")
    assert found.facts["fields"] == 2
    assert "a mosaic is imaged a pointing at a time" in caplog.text


def test_what_cannot_be_read_is_one_clear_line(folder: Path, noisy: Path, tmp_path: Path) -> None:
    flagged = change(noisy, folder, "flags = tool.getcol('FLAG_ROW'); flags[:] = True; tool.putcol('FLAG_ROW', flags)")
    path = "copy" + str(len([*folder.glob("copy*")])) + ".ms/POLARIZATION"
    lines = f"tool.close(); tool.open({str(folder / path)!r}, nomodify=False)\n"
    lines += "kinds = tool.getcol('CORR_TYPE'); kinds[:] = [[9], [10]]; tool.putcol('CORR_TYPE', kinds)"
    crossed = change(noisy, folder, lines)
    (tmp_path / "folder").mkdir()
    refused = {
        "no such Measurement Set": (tmp_path / "absent.ms", {}),
        "not a Measurement Set": (tmp_path / "folder", {}),
        "spectral window 7 has no data of field 0": (noisy, {"windows": [7]}),
        "field 3 is not there": (noisy, {"field_id": 3}),
        "is flagged": (flagged, {}),
        "its correlations are XX, XY": (crossed, {}),
    }
    for said, (ms, values) in refused.items():
        with pytest.raises(CubefocusError, match=said) as error:
            read_measurement_set(ms, SIZE, CELL, log=folder / "refused.log", **values)
        assert not isinstance(error.value, CasaError)
        assert str(error.value).startswith(str(ms))


def test_a_place_that_is_taken_or_a_weighting_that_is_not_known_is_refused(folder: Path, noisy: Path) -> None:
    with pytest.raises(CubefocusError, match="exists already"):
        observe_continuum(sky(), SETTINGS, CELL, noisy)
    with pytest.raises(CubefocusError, match="the weighting is 'super'"):
        clean(noisy, folder / "a.fits", folder / "b.fits", size=SIZE, cell_arcsec=CELL, weighting="super")
