"""A perfect catalogue in the form of another program or an archive is perfect, or what is wrong is told."""

import csv
import logging
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.io.votable.tree import TableElement, VOTableFile
from astropy.table import MaskedColumn, Table
from astropy.wcs import WCS

from cubefocus.cli.main import main

X, Y = np.array([20.2, 40.7, 64.0, 90.3, 101.9]), np.array([33.1, 84.6, 64.2, 44.8, 92.0])
Z = np.array([8.0, 9.0, 16.0, 20.0, 24.0])
PA = np.array([5.0, 20.0, 30.0, 60.0, 80.0])
CELL = 0.1  # arcsec
PERFECT = (5, 0, 0)


def header(rotation=0.0, mirrored=False):
    """A field of 128 x 128 pixels at RA 4 h, turned by an angle or with east on the right."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---SIN", "DEC--SIN"], [60.0, -35.0], [65.0, 65.0]
    turn = np.deg2rad(rotation)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    wcs.wcs.cd = matrix @ np.diag([CELL if mirrored else -CELL, CELL]) / 3600.0
    wcs.wcs.radesys = "FK5"
    return wcs


WORLD = header().wcs_pix2world(X, Y, 0)
RA, DEC = WORLD


@pytest.fixture
def evaluate(tmp_path, caplog):
    """Score a catalogue (a table, bytes, or a function that writes a file) against the truth of the five sources."""
    caplog.set_level(logging.INFO)

    def run(found, *options, name="mine.ecsv", sky=False, wcs=None):
        wcs = wcs or header()
        ra, dec = wcs.wcs_pix2world(X, Y, 0)
        true = Table({"x": X, "y": Y, "ra": ra * u.deg, "dec": dec * u.deg, "z": Z, "sigma_x": np.full(5, 4.0),
                      "sigma_y": np.full(5, 2.0), "pa": PA, "flux": np.full(5, 0.1)})  # fmt: skip
        for low, high, values in (("x0", "x1", X), ("y0", "y1", Y)):
            true[low], true[high] = np.rint(values).astype(int) - 6, np.rint(values).astype(int) + 7
        true.write(tmp_path / "true.ecsv", overwrite=True)
        fits.PrimaryHDU(np.zeros((4, 128, 128), np.float32), wcs.to_header()).writeto(
            tmp_path / "field.fits", overwrite=True
        )
        path = tmp_path / name
        if isinstance(found, Table):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # formats warn about what they cannot hold
                kind = {"format": "votable"} if path.suffix == ".vot" else {}
                found.write(path, overwrite=True, **kind)
        elif callable(found):
            found(path)
        else:
            path.write_bytes(found)
        arguments = ["--wcs", str(tmp_path / "field.fits")] if sky else []
        caplog.clear()
        code = main(
            ["evaluate", str(path), str(tmp_path / "true.ecsv"), *arguments, *options, "-o", str(tmp_path / "o")]
        )
        assert code == 0
        with open(tmp_path / "o/detection.csv") as file:
            row = next(csv.DictReader(file))
        return tuple(int(row[name]) for name in ("tp", "fp", "fn")), float(row["mean_iou"])

    return run


@pytest.fixture
def parameters(evaluate, tmp_path):
    """Largest mean and standard deviation of the residuals of each parameter."""

    def run(*arguments, **options):
        assert evaluate(*arguments, **options)[0] == PERFECT
        with open(tmp_path / "o/parameters.csv") as file:
            rows = list(csv.DictReader(file))
        return {row["parameter"]: (float(row["mean"]), float(row["std"])) for row in rows}

    return run


def refused(evaluate, capsys, *arguments, **options):
    capsys.readouterr()
    with pytest.raises(AssertionError):
        evaluate(*arguments, **options)
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("cubefocus evaluate: error: ")
    return message


def sextractor():
    return Table({"X_IMAGE": X + 1, "Y_IMAGE": Y + 1, "XMIN_IMAGE": np.rint(X).astype(int) - 5,
                  "YMIN_IMAGE": np.rint(Y).astype(int) - 5, "XMAX_IMAGE": np.rint(X).astype(int) + 7,
                  "YMAX_IMAGE": np.rint(Y).astype(int) + 7})  # fmt: skip


@pytest.mark.parametrize("name", ["sex.fits", "sex.csv", "sex.vot", "sex.fits.gz"])
def test_sextractor_counts_from_1(evaluate, caplog, name):
    assert evaluate(sextractor(), name=name) == (PERFECT, 1.0)
    assert "SExtractor" in caplog.text
    assert "pixels count from 1" in caplog.text


def test_the_origin_of_any_column_can_be_forced(evaluate):
    shifted = sextractor()
    for column in shifted.colnames:
        shifted[column] -= 1
    assert evaluate(shifted, "--origin", "0") == (PERFECT, 1.0)
    assert evaluate(shifted)[1] < 1.0


def test_sextractors_own_text_is_read(evaluate):
    rows = "".join(f"{x + 1:.2f} {y + 1:.2f}\n" for x, y in zip(X, Y, strict=True))
    text = (
        "#   1 X_IMAGE   Object position along x   [pixel]\n#   2 Y_IMAGE   Object position along y   [pixel]\n" + rows
    )
    assert evaluate(text.encode(), name="test.cat")[0] == PERFECT


@pytest.mark.parametrize(
    "names",
    [("Xposn", "Yposn"), ("xcentroid", "ycentroid"), ("x_centroid", "y_centroid"), ("X", "Y")],
)
def test_programs_that_count_from_0(evaluate, caplog, names):
    assert evaluate(Table([X, Y], names=names))[0] == PERFECT
    assert "pixels count from 0" in caplog.text


def test_an_unknown_program_that_counts_from_1_is_told(evaluate, caplog):
    assert evaluate(Table({"x": X + 1, "y": Y + 1}))[0] == PERFECT
    assert "shifted, by +1.00, +1.00 px" in caplog.text
    assert "--origin mine:1" in caplog.text
    evaluate(Table({"x": X + 1, "y": Y + 1}), "--origin", "1")
    assert "shifted" not in caplog.text


def test_an_unbiased_catalogue_has_no_hint(evaluate, caplog):
    noise = np.random.default_rng(1).normal(0.0, 0.3, (2, 5))
    evaluate(Table({"x": X + noise[0], "y": Y + noise[1]}))
    assert "WARNING" not in caplog.text


# Angles: the truth's is from +x, clockwise. With north up and east left, that is 90 deg less the one through east.


def aegean(pa, ra=RA, dec=DEC):
    return Table({"ra": ra * u.deg, "dec": dec * u.deg, "a": np.full(5, 4.0 * 2.3548200450309493 * CELL) * u.arcsec,
                  "b": np.full(5, 2.0 * 2.3548200450309493 * CELL) * u.arcsec, "pa": pa * u.deg})  # fmt: skip


def bdsf(pa):
    table = aegean(pa)
    table["Xposn"], table["Yposn"] = X, Y
    for name in ("a", "b"):
        table[name] = table[name].to(u.deg)
    table.rename_columns(["ra", "dec", "a", "b", "pa"], ["RA", "DEC", "Maj", "Min", "PA"])
    return table


@pytest.mark.parametrize("table", [aegean((90 - PA) % 180), bdsf((90 - PA) % 180)], ids=["aegean", "bdsf"])
def test_angles_north_through_east_are_turned(parameters, caplog, table):
    residuals = parameters(table, name="a.fits", sky=True)
    for name in ("sigma_x", "sigma_y", "pa"):
        assert residuals[name] == pytest.approx((0.0, 0.0), abs=0.005)
    assert "from north through east by" in caplog.text


@pytest.mark.parametrize(("rotation", "mirrored"), [(0.0, False), (35.0, False), (-120.0, False), (20.0, True)])
def test_angles_on_the_sky_follow_the_header(parameters, rotation, mirrored):
    """The major axis of each source is drawn in pixels, and its angle measured on the sky between its two ends."""
    wcs = header(rotation, mirrored)
    angle = np.deg2rad(PA)
    ends = [wcs.pixel_to_world(X + s * np.cos(angle), Y - s * np.sin(angle)) for s in (-0.5, 0.5)]
    pa = ends[0].position_angle(ends[1]).deg % 180
    ra, dec = wcs.wcs_pix2world(X, Y, 0)
    residuals = parameters(aegean(pa, ra, dec), name="a.fits", sky=True, wcs=wcs)
    assert residuals["pa"] == pytest.approx((0.0, 0.0), abs=0.01)
    assert residuals["sigma_x"] == pytest.approx((0.0, 0.0), abs=0.001)


def test_without_a_header_north_is_up_and_that_is_said(parameters, caplog):
    table = bdsf((90 - PA) % 180)
    residuals = parameters(table, name="b.fits")
    assert residuals["pa"] == pytest.approx((0.0, 0.0), abs=1e-3)
    assert "sigma_x" not in residuals
    assert "for want of --wcs" in caplog.text
    assert "not compared" in caplog.text


@pytest.mark.parametrize(
    ("columns", "unit"),
    [(("A_IMAGE", "B_IMAGE", "THETA_IMAGE"), u.deg), (("a", "b", "theta"), u.rad),
     (("semimajor_sigma", "semiminor_sigma", "orientation"), u.deg)],
)  # fmt: skip
def test_angles_counterclockwise_from_x(parameters, columns, unit):
    table = Table([X, Y, np.full(5, 4.0), np.full(5, 2.0), (-PA * u.deg).to_value(unit)], names=("x", "y", *columns))
    residuals = parameters(table, name="s.csv")
    for name in ("sigma_x", "sigma_y", "pa"):
        assert residuals[name] == pytest.approx((0.0, 0.0), abs=1e-9)


def test_the_angle_of_any_column_can_be_forced_and_half_a_turn_is_none(parameters, caplog):
    table = Table({"x": X, "y": Y, "pa": PA})
    assert parameters(table)["pa"] == pytest.approx((0.0, 0.0))
    assert "pa is from +x, clockwise" in caplog.text
    table["pa"] = 270.0 - PA
    assert parameters(table, "--angle", "north")["pa"] == pytest.approx((0.0, 0.0), abs=1e-9)


# Directions


def text_angles():
    directions = SkyCoord(RA * u.deg, DEC * u.deg)
    return directions.ra.to_string("hour", sep=":", precision=4), directions.dec.to_string(sep=" ", precision=3)


@pytest.mark.parametrize(
    "table",
    [
        Table({"ra": RA, "dec": DEC}),
        Table({"RAJ2000": RA, "DEJ2000": DEC}),
        Table({"ra": RA / 15 * u.hourangle, "dec": DEC * u.deg}),
        Table({"ra": RA / 15 * u.hour, "dec": DEC * u.deg}),
        Table({"ra": RA * 3600 * u.arcsec, "dec": DEC * 3600 * u.arcsec}),
        Table({"ra": np.deg2rad(RA) * u.rad, "dec": np.deg2rad(DEC) * u.rad}),
        Table({"ra": RA - 360, "dec": DEC}),
        Table([*text_angles()], names=("ra", "dec")),
        Table({"ra": [f"{v:.7f}" for v in RA], "dec": [f"{v:.7f}" for v in DEC]}),
        Table({"coord": SkyCoord(RA * u.deg, DEC * u.deg, frame="fk5")}),
        Table({"coord": SkyCoord(RA * u.deg, DEC * u.deg, frame="fk5").galactic}),
        Table({"GLON": SkyCoord(RA * u.deg, DEC * u.deg, frame="fk5").galactic.l,
               "GLAT": SkyCoord(RA * u.deg, DEC * u.deg, frame="fk5").galactic.b}),
    ],
    ids=["deg", "vizier", "hourangle", "hour", "arcsec", "rad", "negative", "text", "numbers in text", "SkyCoord",
         "galactic SkyCoord", "galactic"],
)  # fmt: skip
def test_directions_in_any_form_become_pixels(parameters, table):
    residuals = parameters(table, sky=True)
    assert residuals["x"] == pytest.approx((0.0, 0.0), abs=0.01)
    assert residuals["y"] == pytest.approx((0.0, 0.0), abs=0.01)


@pytest.mark.parametrize(
    ("ra", "dec", "way"),
    [
        (RA / 15, DEC, ["--unit", "ra=hourangle"]),
        (np.deg2rad(RA), np.deg2rad(DEC), ["--unit", "ra=rad", "--unit", "dec=rad"]),
    ],
    ids=["hours", "radians"],
)
def test_directions_in_another_unit_than_stated_are_refused_with_the_unit(evaluate, capsys, ra, dec, way):
    table = Table({"ra": ra, "dec": dec})
    assert " ".join(way) in refused(evaluate, capsys, table, sky=True)
    assert evaluate(table, *way, sky=True)[0] == PERFECT


def test_directions_of_another_field_are_refused(evaluate, capsys):
    table = Table({"ra": RA + 10, "dec": DEC})
    assert "none of its 5 directions is in the image" in refused(evaluate, capsys, table, sky=True)
    assert "no angle" in refused(evaluate, capsys, Table({"ra": ["4h", "a", "4h", "4h", "4h"], "dec": DEC}), sky=True)
    assert "reaches 126003 deg" in refused(evaluate, capsys, Table({"ra": RA, "dec": DEC * 3600}), sky=True)


def test_directions_need_a_header(evaluate, capsys):
    assert "--wcs" in refused(evaluate, capsys, Table({"ra": RA, "dec": DEC}))
    assert "--wcs" in refused(evaluate, capsys, Table({"coord": SkyCoord(RA * u.deg, DEC * u.deg)}))


# Rows and files


@pytest.mark.parametrize("name", ["m.vot", "m.fits", "m.ecsv", "m.csv"])
def test_rows_without_a_position_are_left_out_and_counted(evaluate, caplog, name):
    mask = [0, 0, 1, 0, 0]
    table = Table({"x": MaskedColumn(X, mask=mask), "y": MaskedColumn(Y, mask=mask)})
    assert evaluate(table, name=name)[0] == (4, 0, 1)
    assert "1 of 5 rows have no position and are left out" in caplog.text


@pytest.mark.parametrize("blank", ["", "nan", "--", "null", "N/A"])
def test_blank_cells_of_any_spelling(evaluate, caplog, blank):
    assert evaluate(f"x,y\n20.2,33.1\n{blank},{blank}\n64.0,64.2\n".encode(), name="b.csv")[0] == (2, 0, 3)
    assert "1 of 3 rows" in caplog.text


def test_a_true_source_without_a_position_is_refused(evaluate, capsys, tmp_path):
    Table({"x": [1.0, np.nan], "y": [1.0, 1.0]}).write(tmp_path / "t.ecsv")
    assert main(["evaluate", str(tmp_path / "t.ecsv"), str(tmp_path / "t.ecsv")]) == 1
    assert "row 2 has no finite position" in capsys.readouterr().err


def test_repeated_rows_are_false_and_told(evaluate, caplog):
    assert evaluate(Table({"x": np.r_[X, X], "y": np.r_[Y, Y]}))[0] == (5, 5, 0)
    assert "5 rows are in the place of another one" in caplog.text


@pytest.mark.parametrize("name", ["e.csv", "e.ecsv", "e.fits", "e.vot"])
def test_a_table_without_rows_finds_nothing(evaluate, name):
    assert evaluate(Table({"x": X, "y": Y})[:0], name=name)[0] == (0, 0, 5)
    assert evaluate(Table({"ra": RA, "dec": DEC})[:0], name=name, sky=True)[0] == (0, 0, 5)


@pytest.mark.parametrize("name", ["z.csv", "z.ecsv", "z.fits", "z.vot", "z.cat"])
def test_a_file_without_content_is_refused(evaluate, capsys, name):
    assert name in refused(evaluate, capsys, b"", name=name)


def two_tables(path):
    info, found = Table({"a": [1]}), Table({"x": X, "y": Y})
    if path.suffix == ".fits":
        hdus = [fits.PrimaryHDU(), fits.BinTableHDU(info, name="INFO"), fits.BinTableHDU(found, name="CATALOG")]
        fits.HDUList(hdus).writeto(path)
        return
    both = from_table(info)
    both.resources[0].tables.append(TableElement.from_table(VOTableFile(), found))
    both.resources[0].tables[0].name, both.resources[0].tables[1].name = "INFO", "CATALOG"
    both.to_xml(str(path))


def two_catalogues(path):
    tables = [Table({"x": X + shift, "y": Y}) for shift in (0, 50)]
    hdus = [fits.BinTableHDU(table, name=name) for table, name in zip(tables, ("GOOD", "BAD"), strict=True)]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)


@pytest.mark.parametrize("name", ["two.fits", "two.vot"])
def test_of_several_tables_that_with_positions_is_read(evaluate, name):
    assert evaluate(two_tables, name=name)[0] == PERFECT


def test_of_several_catalogues_one_must_be_named(evaluate, capsys):
    message = refused(evaluate, capsys, two_catalogues, name="two.fits")
    assert "GOOD, BAD" in message
    assert "--table" in message
    assert evaluate(two_catalogues, "--table", "good", name="two.fits")[0] == PERFECT
    assert "GOOD, BAD" in refused(evaluate, capsys, two_catalogues, "--table", "BEST", name="two.fits")


# Lines, sizes, fluxes


@pytest.mark.parametrize(
    ("z", "told"),
    [
        (np.array([0.02, 0.021, 0.02, 0.022, 0.02]), "redshift"),
        (np.full(5, 230.1) * u.GHz, "in GHz"),
        (np.linspace(800.0, 900.0, 5) * u.km / u.s, "in km / s"),
        (np.linspace(8e4, 9e4, 5), "far from the channels"),
    ],
)
def test_a_z_that_is_no_channel_is_told_and_not_compared(parameters, caplog, z, told):
    residuals = parameters(Table({"x": X, "y": Y, "z": z, "fwhm_z": np.full(5, 1e-3)}))
    assert "z" not in residuals
    assert "extension" not in residuals
    assert told in caplog.text
    assert parameters(Table({"x": X, "y": Y, "z": Z + 1}))["z"] == pytest.approx((-1.0, 0.0))


def test_a_z_that_votable_calls_redshift_is_none(parameters, caplog):
    def write(path):
        table = Table({"x": X, "y": Y, "z": [2.1, 3.3, 4.0, 2.9, 9.0]})
        table["z"].meta["ucd"] = "src.redshift"
        from_table(table).to_xml(str(path))

    assert "z" not in parameters(write, name="r.vot")
    assert "src.redshift" in caplog.text


def test_lines_that_all_miss_are_told(parameters, caplog):
    assert "z" in parameters(Table({"x": X, "y": Y, "z": [2.1, 3.3, 4.0, 2.9, 7.0]}))
    assert "none of its 5 lines is within 3 channels" in caplog.text


def test_fluxes_are_converted_and_one_without_unit_is_told(parameters, caplog):
    table = Table({"x": X, "y": Y, "flux": np.full(5, 100.0) * u.mJy / u.beam})
    assert parameters(table)["flux"] == pytest.approx((0.0, 0.0), abs=1e-9)
    table["flux"] = np.full(5, 100.0)
    assert parameters(table)["flux"][0] < -1e4
    assert "flux has no unit and is taken as Jy / beam" in caplog.text
    assert "1e+03 times the true ones" in caplog.text
    assert parameters(table, "--unit", "flux=mJy/beam")["flux"] == pytest.approx((0.0, 0.0), abs=1e-9)


@pytest.mark.parametrize("name", ["u.vot", "u.ecsv"])
def test_old_spellings_of_units(parameters, caplog, name):
    table = Table({"x": X, "y": Y, "flux": np.full(5, 0.1), "pa": PA})
    for column, unit in (("x", "pixels"), ("y", "PIXEL"), ("flux", "JY/BEAM"), ("pa", "degrees")):
        table[column].unit = u.Unit(unit, parse_strict="silent")
    residuals = parameters(table, name=name)
    assert residuals["flux"] == pytest.approx((0.0, 0.0), abs=1e-9)
    assert residuals["pa"] == pytest.approx((0.0, 0.0), abs=1e-9)
    table["flux"].unit = u.Unit("bananas", parse_strict="silent")
    assert "flux" in parameters(table, "--unit", "flux=Jy/beam", name=name)


def test_sizes_on_the_sky_need_a_header(parameters, caplog):
    table = Table({"x": X, "y": Y, "sigma_x": np.full(5, 0.4) * u.arcsec})
    assert "sigma_x" not in parameters(table)
    assert "sigma_x in arcsec without --wcs" in caplog.text
    assert parameters(table, sky=True)["sigma_x"] == pytest.approx((0.0, 0.0), abs=1e-3)


def test_a_width_in_a_unit_that_is_not_known_is_refused(evaluate, capsys, caplog):
    table = Table({"x": np.rint(X), "y": np.rint(Y), "w": np.full(5, 1.3), "h": np.full(5, 1.3)})
    table["w"] *= 0.5
    message = refused(evaluate, capsys, table)
    assert "'w'" in message
    assert "--unit width=arcsec" in message
    table["w"] = table["h"]
    units = ("--unit", "width=arcsec", "--unit", "height=arcsec")
    assert evaluate(table, *units, sky=True) == (PERFECT, pytest.approx(1.0))
    assert "--wcs" in refused(evaluate, capsys, table, *units)
    assert evaluate(table)[0] == (0, 5, 5)
    assert "has no unit and is taken as pixels" in caplog.text
    assert "--ignore boxes" in caplog.text
    assert evaluate(table, "--ignore", "boxes")[0] == PERFECT


def test_a_unit_that_cannot_be_read_is_refused(evaluate, capsys):
    assert "--unit flux=bananas" in refused(evaluate, capsys, Table({"x": X, "y": Y}), "--unit", "flux=bananas")
    assert "--angle sideways" in refused(evaluate, capsys, Table({"x": X, "y": Y}), "--angle", "sideways")


# Numbers of cubes


def test_cubes_that_are_numbered_in_another_way_are_told(tmp_path, capsys, caplog):
    true = Table({"cube_id": [3, 4, 5, 6, 7], "x": X, "y": Y})
    true.write(tmp_path / "true.ecsv")

    def run(ids, *options):
        Table({"cube_id": ids, "x": X, "y": Y}).write(tmp_path / "mine.ecsv", overwrite=True)
        caplog.clear()
        code = main(["evaluate", str(tmp_path / "mine.ecsv"), str(tmp_path / "true.ecsv"), *options])
        return code, capsys.readouterr().err + caplog.text

    code, said = run([0, 1, 2, 3, 4])  # 3 and 4 are there, but not the same
    assert code == 0
    assert "0 of its positions fit, but 5 would" in said
    assert "--column cube_id=NAME" in said
    assert "would" not in run([3, 4, 5, 6, 7])[1]
    code, said = run([100, 101, 102, 103, 104])
    assert code == 1
    assert "none of which is among those scored (3 to 7" in said


def test_one_cube_of_another_number_can_be_the_same(tmp_path, capsys):
    for name, cube in (("true", 40), ("mine", 0)):
        Table({"cube_id": np.full(5, cube), "x": X, "y": Y}).write(tmp_path / f"{name}.ecsv")
    paths = [str(tmp_path / f"{name}.ecsv") for name in ("mine", "true")]
    assert main(["evaluate", *paths]) == 1
    assert "--ignore cubes" in capsys.readouterr().err
    assert main(["evaluate", *paths, "--ignore", "cubes"]) == 0
    assert "mine    5   0   0" in capsys.readouterr().out
