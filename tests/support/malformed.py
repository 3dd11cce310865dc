"""Cubes that cannot be searched, each with what is wrong with it and a part of the line that says so.

As a script it prints the table of all with the whole line that each gets: ``python tests/support/malformed.py``.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

SHAPE = (8, 32, 32)
CARDS: dict[str, Any] = {
    "CTYPE1": "RA---SIN", "CRVAL1": 60.0, "CRPIX1": 17.0, "CDELT1": -1e-4, "CUNIT1": "deg",
    "CTYPE2": "DEC--SIN", "CRVAL2": -35.0, "CRPIX2": 17.0, "CDELT2": 1e-4, "CUNIT2": "deg",
    "CTYPE3": "FREQ", "CRVAL3": 230e9, "CRPIX3": 1.0, "CDELT3": 1e7, "CUNIT3": "Hz",
    "BMAJ": 4e-4, "BMIN": 3e-4, "BPA": 10.0, "BUNIT": "Jy/beam",
}  # fmt: skip


def cube(path: Path, values: np.ndarray | None = None, **changes: Any) -> Path:
    """Write a cube of noise, or of these values, with some cards changed, or left out where they are None."""
    data = np.random.default_rng(1).normal(0.0, 1e-3, SHAPE).astype(np.float32) if values is None else values
    cards = {key: value for key, value in {**CARDS, **changes}.items() if value is not None}
    fits.PrimaryHDU(data, fits.Header(cards)).writeto(path, output_verify="silentfix", overwrite=True)
    return path


def whole(folder: Path) -> bytes:
    """Bytes of a cube that can be searched."""
    return cube(folder / "whole.fits").read_bytes()


def stored(name: str, content: Callable[[Path], bytes]) -> Callable[[Path], Path]:
    """A file of these bytes."""

    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content(folder))
        return folder / name

    return write


def headed(**changes: Any) -> Callable[[Path], Path]:
    """A cube of noise with some cards changed."""
    return lambda folder: cube(folder / "cube.fits", **changes)


def filled(value: float, shape: tuple[int, ...] = SHAPE, **changes: Any) -> Callable[[Path], Path]:
    """A cube of one value."""
    return lambda folder: cube(folder / "cube.fits", np.full(shape, value, dtype=np.float32), **changes)


def shaped(*shape: int, **changes: Any) -> Callable[[Path], Path]:
    """A cube of noise of another shape."""
    noise = np.random.default_rng(2).normal(0.0, 1e-3, shape).astype(np.float32)
    return lambda folder: cube(folder / "cube.fits", noise, **changes)


def _flat(content: bytes) -> bytes:
    return content.replace(b"NAXIS2  =                   32", b"NAXIS2  =                    0")


def _folder(folder: Path) -> Path:
    (folder / "cubes").mkdir()
    return folder / "cubes"


def _table(folder: Path) -> Path:
    rows = fits.BinTableHDU.from_columns([fits.Column("flux", "E", array=np.arange(3.0))])
    fits.HDUList([fits.PrimaryHDU(), rows]).writeto(folder / "table.fits")
    return folder / "table.fits"


STOKES = {"CTYPE4": "STOKES", "CRVAL4": 1.0, "CRPIX4": 1.0, "CDELT4": 1.0}

CASES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a path with a typo": (lambda folder: folder / "typo.fits", "no such file"),
    "a folder": (_folder, "a folder"),
    "an empty file": (stored("cube.fits", lambda _: b""), "not a FITS file"),
    "a text": (stored("cube.fits", lambda _: b"x y flux\n1 2 3\n"), "not a FITS file"),
    "a picture": (stored("cube.fits", lambda _: b"\x89PNG\r\n\x1a\n" + bytes(500)), "not a FITS file"),
    "data that end too early": (stored("cube.fits", lambda folder: whole(folder)[:9000]), "truncated, 9000 bytes of"),
    "a header that ends too early": (stored("cube.fits", lambda folder: whole(folder)[:1500]), "truncated or damaged"),
    "a gzip file that ends too early": (
        stored("cube.fits.gz", lambda folder: gzip.compress(whole(folder))[:4000]),
        "truncated or damaged",
    ),
    "a gzip file of a text": (stored("cube.fits.gz", lambda _: gzip.compress(b"x y\n" * 99)), "not a readable FITS"),
    "a name that says gzip": (stored("cube.fits.gz", whole), "Not a gzipped file"),
    "a BITPIX that is none": (
        stored("cube.fits", lambda folder: whole(folder).replace(b" -32 ", b"  77 ", 1)),
        "cube.fits: ",
    ),
    "a table": (_table, "holds no image"),
    "a header without data": (stored("cube.fits", lambda _: b"".join(_bare())), "holds no image"),
    "one axis": (shaped(32), "holds no image"),
    "a second axis of 0 pixels": (stored("cube.fits", lambda folder: _flat(whole(folder))), "cube.fits: "),
    "blank": (filled(np.nan), "each is blank"),
    "all 0": (filled(0.0), "no channel has noise"),
    "constant": (filled(3.0), "no channel has noise"),
    "infinite": (filled(np.inf), "each is blank"),
    "1 x 1 pixel": (shaped(8, 1, 1), "no restoring beam"),
    "smaller than the beam": (shaped(8, 2, 2), "not smaller than the image of 2 x 2 px"),
    "two Stokes planes": (shaped(2, 8, 32, 32, **STOKES), "2 Stokes planes"),
    "a fifth axis of two planes": (shaped(2, 1, 8, 32, 32, **STOKES), "cube.fits: "),
    "in K without a beam": (headed(BUNIT="K", BMAJ=None), "is in K"),
    "in magnitudes": (headed(BUNIT="mag"), "is in mag"),
    "in counts": (headed(BUNIT="counts"), "BUNIT is 'counts'"),
    "a unit that is none": (headed(BUNIT="foo/bar"), "BUNIT is 'foo/bar'"),
    "a number as unit": (headed(BUNIT=5), "is in 5"),
    "no beam": (headed(BMAJ=None, BMIN=None, BPA=None), "no restoring beam (BMAJ, BMIN, BPA)"),
    "a beam of 0": (headed(BMAJ=0.0), "BMAJ is 0"),
    "a beam of -1": (headed(BMAJ=-1.0), "BMAJ is -1"),
    "a beam in words": (headed(BMAJ="big"), "BMAJ is 'big', which is no number"),
    "a beam wider than the image": (headed(BMAJ=0.1, BMIN=0.1), "BMAJ is 0.1 deg"),
    "a beam of a hundredth of a pixel": (headed(BMAJ=1e-6, BMIN=1e-6), "BMAJ is 1e-06 deg"),
    "no axes on the sky": (headed(CTYPE1="LINEAR", CTYPE2="LINEAR"), "CTYPE1, CTYPE2"),
    "one axis on the sky": (headed(CTYPE2="LINEAR"), "CTYPE2 is 'LINEAR' while CTYPE1 is 'RA---SIN'"),
    "right ascension twice": (headed(CTYPE2="RA---SIN"), "correct its header"),
    "a projection that is none": (headed(CTYPE1="RA---XXX", CTYPE2="DEC--XXX"), "'RA---XXX'"),
    "pixels of 0 deg": (headed(CDELT1=0.0), "CDELT1 is 0"),
    "pixels of 40 deg": (headed(CDELT1=-40.0, CDELT2=40.0), "1e-05 px of an image"),
    "a pixel in words": (headed(CDELT1="abc"), "CDELT1 is 'abc', which is no number"),
    "a direction in words": (headed(CRVAL1="x"), "CRVAL1 is 'x', which is no number"),
    "a declination of 120 deg": (headed(CRVAL2=120.0), "CRVAL2 is 120"),
    "all channels at one frequency": (headed(CDELT3=0.0), "CDELT3 is 0"),
    "negative frequencies": (headed(CRVAL3=-1e9), "negative frequency (CRVAL3 -1e+09"),
    "a frequency in words": (headed(CRVAL3="x"), "CRVAL3 is 'x', which is no number"),
    "frequencies in kg": (headed(CUNIT3="kg"), "CUNIT3 is kg"),
    "frequencies in a unit that is none": (headed(CUNIT3="blah"), "CUNIT3 is 'blah'"),
    "a time in the place of a frequency": (headed(CTYPE3="TIME", CUNIT3="s"), "CTYPE3 is 'TIME'"),
    "velocities without a rest frequency": (
        headed(CTYPE3="VRAD", CUNIT3="m/s", CRVAL3=1e5, CDELT3=1e3),
        "without RESTFRQ",
    ),
}
"""What is wrong with a file: a function that writes it into a folder, and a part of the line that it gets."""


def _bare() -> Iterator[bytes]:
    """A header of no axes."""
    yield fits.PrimaryHDU().header.tostring(padding=True).encode()


def _print_table(folder: Path) -> None:
    from cubefocus.cli.main import main

    print("# Cubes that cannot be searched\n")
    print("Each ends `cubefocus detect` with exit code 1, before the search, and leaves no file behind. Written by")
    print(
        "`python tests/support/malformed.py`; `tests/unit/cli/test_malformed.py` tries them all, and headers drawn at"
    )
    print("random: a header is read, or refused with a reason.\n")
    print("| cube | what `cubefocus detect` says |\n|---|---|")
    for name, (write, _) in CASES.items():
        with tempfile.TemporaryDirectory(dir=folder) as place:
            told, noted = io.StringIO(), io.StringIO()
            handler = logging.StreamHandler(noted)
            logging.getLogger("cubefocus").addHandler(handler)
            with contextlib.redirect_stderr(told):
                main(["detect", str(write(Path(place))), "-o", str(Path(place) / "found")])
            logging.getLogger("cubefocus").removeHandler(handler)
            notes, told_lines = (one.getvalue().replace(f"{place}/", "").strip().splitlines() for one in (noted, told))
            said, line = [note for note in notes if ": taken as " in note], told_lines[-1]
            print(f"| {name} | `{'`, `'.join([*said, line.removeprefix('cubefocus detect: error: ')])}` |")


if __name__ == "__main__":
    import contextlib
    import io
    import logging
    import tempfile

    with tempfile.TemporaryDirectory() as made:
        _print_table(Path(made))
