"""Columns: one definition of each, with a UCD of the IVOA's vocabulary and a unit that fits what it is."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.io.votable import parse, parse_single_table
from astropy.io.votable.ucd import parse_ucd
from astropy.table import Table

from cubefocus.alma.catalogue import CANDIDATE_COLUMNS
from cubefocus.alma.catalogue import COLUMNS as CATALOGUE_COLUMNS
from cubefocus.find.interface import empty_detections
from cubefocus.sky.columns import CATALOGUE, MEASURED
from cubefocus.sky.registry import SKY_TYPES
from cubefocus.tables.columns import COLUMNS
from cubefocus.tables.published import write_fits_table, write_votable

OF_SKY_TYPES = [one for kind in SKY_TYPES.values() for one in kind.columns]


@pytest.mark.parametrize("one", [*COLUMNS.values(), *OF_SKY_TYPES], ids=lambda one: one.name)
def test_a_column_has_a_ucd_of_the_vocabulary_a_unit_and_a_meaning(one):
    assert parse_ucd(one.ucd, check_controlled_vocabulary=True)
    assert one.description
    assert one.unit is None or u.Unit(one.unit)
    assert one.kms_unit is None or u.Unit(one.kms_unit)


def test_a_column_has_one_unit_type_and_ucd_in_all_tables():
    for one in (*CATALOGUE, *MEASURED, *CATALOGUE_COLUMNS, *CANDIDATE_COLUMNS):
        known = COLUMNS[one.name]
        assert (one.unit, one.dtype, one.ucd) == (known.unit, known.dtype, known.ucd)
    found = empty_detections()
    assert all(found[name].dtype == COLUMNS[name].dtype for name in found.colnames)
    assert not {one.name for one in OF_SKY_TYPES} & set(COLUMNS)


def test_a_votable_says_what_its_columns_are(tmp_path):
    table = Table({"ra": [60.0] * u.deg, "flux": [0.1] * u.Jy / u.beam, "strange": [1.0], "mine": [np.pi]})
    table["mine"].meta["ucd"] = "pos.distance"
    write_votable(tmp_path / "found.vot", table, {})
    fields = {field.name: field for field in parse_single_table(tmp_path / "found.vot").fields}
    assert {name: field.ucd for name, field in fields.items()} == {
        "ra": "pos.eq.ra;meta.main", "flux": "phot.flux.density", "strange": None, "mine": "pos.distance"
    }  # fmt: skip
    assert fields["flux"].unit == u.Jy / u.beam
    assert "ucd" not in table["ra"].meta


@pytest.mark.parametrize(("frames", "system"), [(["FK5", "FK5"], "eq_FK5"), (["ICRS", "ICRS"], "ICRS"),
                                                (["FK5", "ICRS"], None), (["", ""], None)])  # fmt: skip
def test_the_frame_of_all_rows_stands_in_the_votable_and_in_the_fits_table(tmp_path, frames, system):
    table = Table({"ra": [60.0, 61.0] * u.deg, "x": [1.0, 2.0], "frame": frames})
    write_votable(tmp_path / "found.xml", table, {})
    (resource,) = parse(tmp_path / "found.xml", verify="exception").resources
    assert [one.system for one in resource.coordinate_systems] == ([] if system is None else [system])
    refs = {field.name: field.ref for field in resource.tables[0].fields}
    assert refs == {"ra": frames[0] if system else None, "x": None, "frame": None}
    write_fits_table(tmp_path / "found.fits", table, {})
    assert fits.getheader(tmp_path / "found.fits", "CATALOGUE").get("RADESYS") == (frames[0] if system else None)


def test_a_fits_table_says_what_its_columns_are(tmp_path):
    table = Table({"ra": [60.0] * u.deg, "flux": [0.1] * u.Jy / u.beam, "strange": [1.0], "flags": ["a;b"]})
    table["flux"].description = "a sentence that is longer than what a card of a header has room for, 80 characters"
    write_fits_table(tmp_path / "found.fits", table, {"seed": 1})
    back = Table.read(tmp_path / "found.fits")
    assert back["flux"].unit == u.Jy / u.beam
    assert (back["ra"][0], back["flags"][0]) == (60.0, "a;b")
    header = fits.getheader(tmp_path / "found.fits", "CATALOGUE")
    assert [header.get(f"TUCD{number}") for number in (1, 2, 3)] == ["pos.eq.ra;meta.main", "phot.flux.density", None]
    assert header["TCOMM2"] == table["flux"].description
