"""The whole chain with perfect networks: what goes in comes out."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from cubefocus.alma.catalogue import CANDIDATE_COLUMNS, COLUMNS, candidates_table
from cubefocus.alma.chain import Chain
from cubefocus.alma.field import Field
from cubefocus.cube.cube import Cube
from cubefocus.cube.cutouts import channel_slice
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table, write_table
from cubefocus.settings import DetectionSettings


def test_all_sources_of_a_batch_are_found_with_their_ranges(scene, source, oracle):
    scenes = [
        scene([source(25, 30, 10), source(70, 60, 28, fwhm_z=6.0)]),
        scene([source(48, 48, 20, line=1.5)], seed=2, cut=46),
    ]
    found = oracle(scenes).detect([one.cube for one in scenes], [7, 9]).catalogue
    assert sorted(found["cube_id"]) == [7, 7, 9]
    truth = {(7, 10): (25, 30, 4.0), (7, 28): (70, 60, 6.0), (9, 20): (48, 48, 4.0)}
    for row in found:
        x, y, fwhm = truth[row["cube_id"], round(row["z"])]
        assert (row["x"], row["y"]) == pytest.approx((x, y), abs=0.1)
        assert row["fwhm_z"] == pytest.approx(fwhm, rel=0.03)
        assert (row["z0"], row["z1"]) == pytest.approx((row["z"] - row["fwhm_z"], row["z"] + row["fwhm_z"]))
        assert row["x0"] < x < row["x1"]
        assert row["n_peaks"] == 1


def test_batch_gives_what_single_cubes_give(scene, source, oracle):
    scenes = [scene([source(25, 30, 10)]), scene([source(60, 40, 22)], seed=5)]
    together = oracle(scenes).detect([one.cube for one in scenes]).catalogue
    for number, one in enumerate(scenes):
        alone = oracle([one]).detect([one.cube], [number]).catalogue
        for name in ("x", "z", "flux", "snr_focused"):
            np.testing.assert_allclose(alone[name], together[name][number : number + 1], rtol=1e-5)


def test_blend_becomes_two_rows(scene, source, oracle):
    one = scene([source(44, 48, 10, line=2.0), source(54, 48, 28, line=1.2)])
    out = oracle([one]).detect([one.cube])
    assert len(out.catalogue) == 2
    assert sorted(round(z) for z in out.catalogue["z"]) == [10, 28]
    assert list(out.candidates["parent_id"]) == [-1, 0]
    assert set(out.candidates["reason"]) == {"kept"}


def test_flux_and_continuum_are_those_of_the_truth(scene, source, oracle):
    one = scene([source(48, 48, 20, continuum=0.4, line=1.0)], noise=0.01)
    (row,) = oracle([one]).detect([one.cube]).catalogue
    box = np.s_[row["y0"] : row["y1"], row["x0"] : row["x1"]]
    channels = channel_slice(row["z0"], row["z1"], 40)
    outside = np.ones(40, bool)
    outside[channels] = False
    continuum = one.sky[outside][:, *box].mean()
    line = one.sky[channels].sum() - (channels.stop - channels.start) * one.sky[outside].mean(axis=0).sum()
    assert row["continuum"] == pytest.approx(continuum, abs=4 * row["continuum_err"])
    # The line image's mask holds nearly all of the line's flux, and none of the continuum's.
    assert row["flux_line"] == pytest.approx(line, rel=0.03)
    n_voxels = (channels.stop - channels.start) * (row["y1"] - row["y0"]) * (row["x1"] - row["x0"])
    assert row["flux"] == pytest.approx(row["flux_line"] + row["continuum"] * n_voxels)
    assert row["peak"] == pytest.approx(1.4, rel=0.05)


def test_errors_of_flux_and_continuum_are_those_seen_over_many_noises(scene, source, oracle):
    rows = []
    for seed in range(30):
        one = scene([source(48, 48, 20)], noise=0.1, seed=seed)
        rows.append(oracle([one]).detect([one.cube]).catalogue[0])
    continuum = [row["continuum"] for row in rows]
    assert np.std(continuum) == pytest.approx(np.mean([row["continuum_err"] for row in rows]), rel=0.4)


def test_sky_position_name_and_frequency(scene, source, oracle):
    one = scene([source(48, 48, 20)])  # reference pixel and channel of the header
    section = {"rest_frequency_ghz": 460.0}
    (row,) = oracle([one], section).detect([one.cube]).catalogue
    assert (row["ra"], row["dec"]) == pytest.approx((59.99983, -34.99986), abs=1e-5)
    assert row["name"].startswith("CF J0359")
    assert row["frequency"] == pytest.approx(230.0, abs=1e-3)
    assert row["redshift"] == pytest.approx(1.0, abs=1e-4)
    assert row["velocity"] == pytest.approx(299792.458 / 2, rel=1e-4)
    assert row["fwhm_x"] == pytest.approx(2.35482 * row["sigma_x"], rel=1e-5)
    assert row["fwhm_x_arcsec"] == pytest.approx(0.1 * row["fwhm_x"])


def test_velocity_is_unknown_without_a_rest_frequency(scene, source, oracle):
    one = scene([source(48, 48, 20)])
    one.cube.header["RESTFRQ"] = one.cube.header["CRVAL3"]  # CASA's word for none
    (row,) = oracle([one]).detect([one.cube]).catalogue
    assert np.isnan(row["velocity"])
    assert np.isnan(row["redshift"])


def test_velocity_is_for_the_rest_frequency_of_the_header_unless_one_is_given(scene, source, oracle):
    one = scene([source(48, 48, 20)])
    one.cube.header["RESTFRQ"] = 230.538e9
    (row,) = oracle([one]).detect([one.cube]).catalogue
    assert row["velocity"] == pytest.approx(299792.458 * (1 - 230.0 / 230.538), abs=2.0)
    (row,) = oracle([one], {"rest_frequency_ghz": 460.0}).detect([one.cube]).catalogue
    assert row["redshift"] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(("factor", "flagged"), [(1.0, False), (1.2, False), (2.0, True), (0.3, True), (90.0, True)])
def test_flux_far_from_the_sum_of_its_voxels_is_flagged(scene, source, oracle, factor, flagged):
    one = scene([source(48, 48, 20)])
    true = oracle([one])

    def parameter(name, images):
        return true.predict_parameters(name, images) * (factor if name == "flux" else 1.0)

    chain = Chain(true.predict_maps, true.predict_spectra, parameter, DetectionSettings())
    (row,) = chain.detect([one.cube]).catalogue
    assert ("flux_disagrees" in row["flags"].split(";")) == flagged


def test_blob_without_a_peak_is_a_false_detection(scene, source, oracle):
    one = scene([source(25, 30, 10)])
    spectra = np.zeros((1, 40))
    out = oracle([one], spectra=spectra).detect([one.cube])
    assert len(out.catalogue) == 0
    assert [(row["stage"], row["reason"]) for row in out.candidates] == [("spectra", "no_peak")]


def test_spurious_blob_is_dropped_and_the_source_stays(scene, source, oracle):
    one = scene([source(25, 30, 10, line=2.0)], noise=0.2)
    image = np.array(oracle([one]).predict_maps(np.zeros(0))[0])
    image[65:74, 65:74] = 0.3
    spectra = np.stack([source(25, 30, 10).spectrum(), 0.3 * source(0, 0, 25).spectrum()])
    out = oracle([one], maps=[image], spectra=spectra).detect([one.cube])
    assert [round(z) for z in out.catalogue["z"]] == [10]
    (false,) = [row for row in out.candidates if row["source_id"] < 0]
    assert false["reason"] in ("condition_1", "low_snr")
    assert false["x0"] == 65


def test_empty_field_gives_empty_tables_with_all_columns(scene, oracle, tmp_path):
    one = scene([])
    out = oracle([one], maps=[np.zeros((96, 96))], spectra=np.zeros((0, 40))).detect([one.cube])
    assert len(out.catalogue) == len(out.candidates) == 0
    assert out.catalogue.colnames == [spec.name for spec in COLUMNS]
    assert out.candidates.colnames == [spec.name for spec in CANDIDATE_COLUMNS]
    write_table(tmp_path / "empty.ecsv", out.catalogue, {})
    assert read_table(tmp_path / "empty.ecsv").colnames == out.catalogue.colnames


def test_catalogue_survives_a_round_trip_with_units(scene, source, oracle, tmp_path):
    one = scene([source(48, 48, 20)])
    table = oracle([one]).detect([one.cube]).catalogue
    write_table(tmp_path / "catalogue.ecsv", table, {"seed": 1})
    back: Table = read_table(tmp_path / "catalogue.ecsv")
    for spec in COLUMNS:
        assert back[spec.name].description
        assert back[spec.name].unit == table[spec.name].unit
    assert back["flux"][0] == table["flux"][0]


def test_line_at_the_edge_of_the_band_and_source_at_the_edge_of_the_image(scene, source, oracle):
    one = scene([source(3, 48, 39, line=2.0)])
    (row,) = oracle([one]).detect([one.cube]).catalogue
    assert row["z"] == pytest.approx(39, abs=0.6)
    assert {"at_band_edge", "at_image_edge"} <= set(row["flags"].split(";"))


def test_spectrum_of_another_length_is_flagged(scene, source, oracle):
    one = scene([source(48, 48, 20)])
    perfect = oracle([one])
    chain = Chain(perfect.predict_maps, lambda spectra: np.clip(spectra / 4, 0, 1), perfect.predict_parameters,
                  DetectionSettings(), n_channels=64)  # fmt: skip
    (row,) = chain.detect([one.cube]).catalogue
    assert "resampled_spectrum" in row["flags"]
    assert row["z"] == pytest.approx(20, abs=0.3)


def test_products_of_a_step_can_be_cut_out_before_the_next_is_trained(scene, source, oracle):
    one = scene([source(25, 30, 10)])
    chain = oracle([one])
    blobs = chain.find_blobs([one.cube], [3])
    assert blobs[0].blobs[0].box[0] < 25
    found = chain.focus(chain.find_lines(blobs))
    assert found[0].cuts[0].focused.shape == (64, 64)
    assert list(candidates_table(found)["reason"]) == ["pending"]
    assert blobs[0].peaks == blobs[0].cuts == ()  # a step makes new tables and leaves those before it alone


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.full((8, 20, 20), np.nan), "no finite value"),
        (np.zeros((3, 20, 20)), "3 channels"),
        (np.ones((8, 20, 20)), "same value"),
    ],
)
def test_cubes_that_hold_nothing_are_refused(scene, source, oracle, data, message):
    one = scene([source(25, 30, 10)])
    cube = Cube(data.astype(np.float32), one.cube.header)
    with pytest.raises(CubefocusError, match=message):
        oracle([one]).detect([cube], [4])


def test_planes_are_sums_with_the_other_channels_in_the_place_of_blank_ones():
    data = np.random.default_rng(6).normal(size=(9, 12, 12)).astype(np.float32)
    data[:, :3], data[2, 5:8], data[2:6, 8, 8] = np.nan, np.nan, np.nan
    field = Field.of(Cube(data, fits.Header()), 0)
    rest = data[:, 3:]
    np.testing.assert_allclose(field.integrated[3:], 9 * np.nanmean(rest, axis=0), rtol=1e-5)
    assert np.isnan(field.integrated[:3]).all()
    plane = field.channel_sum(2, 5)
    assert plane[8, 8] != plane[8, 8]  # no channel of the range holds data there
    plane[8, 8] = expected_hole = 0.0
    filled = np.where(np.isfinite(rest).any(axis=0), rest, 0.0)
    filled[2:6, 5, 8] = expected_hole
    np.testing.assert_allclose(plane[3:], 4 * np.nanmean(filled[2:6], axis=0), rtol=1e-5)
    assert np.isnan(plane[:3]).all()


def test_voxels_that_are_nan_in_some_channels_do_not_spoil_the_rest(scene, source, oracle):
    one = scene([source(25, 30, 10)])
    one.cube.data[3, 20:40, 20:40] = np.nan
    (row,) = oracle([one]).detect([one.cube]).catalogue
    assert row["z"] == pytest.approx(10, abs=0.1)
    assert all(np.isfinite(row[name]) for name in ("flux", "peak", "continuum", "x_err"))


def test_source_blanked_in_the_middle_channel_only_is_found(scene, source, oracle):
    one = scene([source(25, 30, 10)])
    one.cube.data[20, :, :48] = np.nan
    (row,) = oracle([one]).detect([one.cube]).catalogue
    assert (row["x"], row["z"]) == pytest.approx((25, 10), abs=0.3)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"blobs": 3}, r"detection\.blobs is 3: give a section with keys"),
        ({"blobs": {"threshold": "low"}}, r"detection\.blobs\.threshold is 'low': give a number"),
        ({"blobs": {"min_pixels": 1.5}}, r"detection\.blobs\.min_pixels is 1\.5: give a whole number"),
        ({"focus": {"regrow_primary": 1}}, r"detection\.focus\.regrow_primary is 1: give true or false"),
        ({"rest_frequency_ghz": "CO"}, r"detection\.rest_frequency_ghz is 'CO': give a number"),
    ],
)
def test_setting_of_the_wrong_type_is_named(section, message):
    with pytest.raises(CubefocusError, match=message):
        DetectionSettings.from_mapping(section)


def test_unknown_setting_is_named():
    with pytest.raises(CubefocusError, match=r"unknown key detection\.blobs\.treshold: did you mean threshold"):
        DetectionSettings.from_mapping({"blobs": {"treshold": 0.2}})


def test_blob_where_there_is_no_data_is_not_a_candidate(scene, source, oracle):
    one = scene([source(48, 48, 20)], cut=30)
    image = np.array(oracle([one]).predict_maps(np.zeros(0))[0])
    image[2:8, 2:8] = 0.9
    spectra = source(48, 48, 20).spectrum()[np.newaxis] - 0.1
    out = oracle([one], maps=[image], spectra=spectra).detect([one.cube])
    assert len(out.candidates) == len(out.catalogue) == 1


def blank_channels(scene, source, oracle, mark, channels):
    """Catalogue of a source at channel 20 with and without blank channels, the network told of the same spectrum."""
    one = scene([source(48, 48, 20, continuum=0.4)], noise=0.02)
    spectra = source(48, 48, 20, continuum=0.0).spectrum()[np.newaxis]
    before = oracle([one], spectra=spectra).detect([one.cube]).catalogue
    one.cube.data[channels] = mark
    return before, oracle([one], spectra=spectra).detect([one.cube]).catalogue


@pytest.mark.parametrize("mark", [np.nan, 0.0, np.inf, -8.0])
@pytest.mark.parametrize("channels", [[0], [39], [*range(8)], [*range(10), *range(30, 40)], [*range(1, 15, 2)]])
def test_blank_channels_outside_the_line_change_no_measured_value(scene, source, oracle, mark, channels):
    (before,), (after,) = blank_channels(scene, source, oracle, mark, channels)
    for name, tolerance in {"snr": 0.05, "continuum": 0.02, "flux": 0.02, "flux_line": 0.02, "x_err": 0.05}.items():
        assert after[name] == pytest.approx(before[name], rel=tolerance)
    assert "blank_in_line" not in after["flags"]


def test_line_on_a_blank_channel_is_measured_from_the_others_and_flagged(scene, source, oracle):
    (before,), (after,) = blank_channels(scene, source, oracle, np.nan, [22])
    assert after["flux_line"] == pytest.approx(before["flux_line"], rel=0.1)
    assert "blank_in_line" in after["flags"]


@pytest.mark.parametrize("mark", [np.nan, 0.0, np.inf, -8.0])
def test_blank_corners_change_neither_noise_nor_errors(scene, source, oracle, mark):
    one = scene([source(48, 48, 20)], noise=0.1)
    (before,) = oracle([one]).detect([one.cube]).catalogue
    y, x = np.mgrid[:96, :96] - 48
    one.cube.data[:, np.hypot(x, y) > 46] = mark
    (after,) = oracle([one]).detect([one.cube]).catalogue
    for name in ("snr", "x_err", "flux", "continuum"):
        assert after[name] == pytest.approx(before[name], rel=0.03)


def test_one_infinite_voxel_changes_nothing_elsewhere_and_is_said(scene, source, oracle, caplog):
    one = scene([source(48, 48, 20)])
    (before,) = oracle([one]).detect([one.cube]).catalogue
    assert not caplog.records
    one.cube.data[5, 10, 10] = np.inf
    (after,) = oracle([one]).detect([one.cube]).catalogue
    assert after["flux"] == before["flux"]
    assert after["z"] == before["z"]
    assert len(caplog.records) == 1
    assert "1 voxel(s) that are infinite" in caplog.text


def test_network_sees_no_blank_channel(scene, source, oracle):
    one = scene([source(48, 48, 20)])
    one.cube.data[[0, 1, 2, 3, 4, 10, 39]] = np.nan
    seen = []

    def clean(spectra):
        seen.append(spectra)
        return np.clip(spectra / 4, 0, 1)

    chain = Chain(oracle([one]).predict_maps, clean, oracle([one]).predict_parameters, DetectionSettings())
    (row,) = chain.detect([one.cube]).catalogue
    assert row["z"] == pytest.approx(20, abs=0.2)
    for spectra in seen:
        assert np.isfinite(spectra).all()
        assert np.abs(spectra[0, :5]).max() < 1.0  # neither zeros far below the continuum nor stretched noise


def test_too_few_channels_with_data_are_refused(scene, source, oracle):
    one = scene([source(48, 48, 20)])
    one.cube.data[3:] = 0.0
    with pytest.raises(CubefocusError, match="holds data in 3 of 40 channels"):
        oracle([one]).detect([one.cube])
