"""Images of the sky: flux, range, and what the seed decides."""

import dataclasses
import math

import numpy as np
import pytest
from astropy.cosmology import LambdaCDM

from cubefocus.denoise.emission import Emission
from cubefocus.denoise.fields import ALPHA, GROUP, FieldSettings, Slab, View, draw_sky, draw_slabs, project
from cubefocus.denoise.sheet import Sheet
from cubefocus.errors import CubefocusError

FIELD = FieldSettings(n_pixels=160, cell_arcsec=25.0)


def moved(sheet, by):
    """The same box with everything moved by some steps of the lattice along its axes."""
    emission = sheet.emission
    step = emission.side / len(emission.log_power)
    return Sheet(
        dataclasses.replace(emission, displacements=emission.displacements + np.float32(np.multiply(by, step)))
    )


def slab(**changes):
    return Slab(**{"box": 0, "redshift": 0.1, "axis": 2, "centre": (50.0, 50.0), "angle": 0.0, "mirrored": False}
                | changes)  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1])
def test_fields_of_clusters_reach_the_flux_of_sky1(sheet, seed):
    image, _ = draw_sky([sheet], FIELD, seed, "cluster")
    assert image.dtype == np.float32
    assert image.shape == (160, 160)
    assert 0.0 <= image.min() < 1e-8
    assert 5e-5 < image.max() < 1e-2
    assert (image > 1e-7).mean() > 0.02


@pytest.mark.parametrize("seed", [0, 1])
def test_fields_of_groups_have_the_flux_of_sky2(sheet, seed):
    image, _ = draw_sky([sheet], FIELD, seed, "group")
    assert 0.0 <= image.min() < 1e-8
    assert 1e-7 < image.max() < 3e-5
    assert (image > 1e-5).mean() < 1e-3


def test_a_seed_gives_the_same_bytes_and_another_seed_others(sheet):
    (first, slabs), (again, _), (other, _) = (draw_sky([sheet], FIELD, seed) for seed in (7, 7, 8))
    assert first.tobytes() == again.tobytes()
    assert not np.allclose(first, other)
    assert [one.redshift for one in slabs] == list(FIELD.redshifts)


def test_a_box_has_no_beginning(sheet):
    """Moving all matter and the field alike changes nothing."""
    view = {"n_pixels": 80, "cell_arcsec": 50.0}
    here = project(sheet, slab(centre=(3.0, 96.0)), **view)
    by = (20, 7, 11)
    step = 100.0 / 48
    there = project(moved(sheet, by), slab(centre=((3.0 + 20 * step) % 100.0, (96.0 + 7 * step) % 100.0)), **view)
    assert np.abs(there - here).max() < 1e-3 * here.max()
    assert here.max() > 0.0


def test_all_the_light_of_a_box_is_in_an_image_of_it():
    """A box that stands alone in the field, as far as a periodic one can: light in its middle, seen 60 Mpc wide."""
    n, side = 12, 100.0
    log_power = np.full((n, n, n), 5.0, np.float32)
    log_power[5:7, 5:7, 5:7] = 25.0
    sheet = Sheet(Emission(np.zeros((n, n, n, 3), np.float32), log_power, np.full((n, n, n), 2.0, np.float32), side))
    total = sum(one.power.sum(dtype=float) for one in sheet.emitters(np.argwhere(log_power > 0)))
    distance = LambdaCDM(67.8, 0.308, 0.692, Tcmb0=0.0).luminosity_distance(0.1).to_value("m")
    expected = total * 1.1 ** (1.0 - ALPHA) / (4.0 * math.pi * distance**2) / 1e-26
    for axis in range(3):
        image = project(sheet, slab(axis=axis, angle=0.4, mirrored=True), 200, 150.0)
        assert image.sum() * 150.0**2 == pytest.approx(expected, rel=1e-3)


def test_a_field_wider_than_the_box_repeats_it():
    n, side, n_pixels, box = 12, 20.0, 150, 100
    log_power = np.random.default_rng(0).uniform(20.0, 22.0, (n, n, n)).astype(np.float32)
    sheet = Sheet(Emission(np.zeros((n, n, n, 3), np.float32), log_power, np.full((n, n, n), 2.0, np.float32), side))
    cell = side / box / View.of(0.1, 1.0).mpc_per_pixel
    image = project(sheet, slab(centre=(3.0, 4.0)), n_pixels, cell)
    assert image[:, box:] == pytest.approx(image[:, : n_pixels - box], rel=1e-4)
    assert image[box:] == pytest.approx(image[: n_pixels - box], rel=1e-4)
    assert image.min() > 0.1 * image.max()


def test_surface_brightness_dims_with_redshift(sheet):
    near, far = (
        project(sheet, slab(redshift=z), 40, 60.0 * View.of(0.05, 1.0).mpc_per_pixel / View.of(z, 1.0).mpc_per_pixel)
        for z in (0.05, 0.15)
    )
    dimming = (1.05 / 1.15) ** (3.0 + ALPHA) * (1.15 / 1.05) ** 2  # proper lengths shrink in a comoving box
    assert far.sum() / near.sum() == pytest.approx(dimming, rel=1e-3)


def test_turns_and_mirrors_move_light_about_the_middle(sheet):
    plain, turned, mirrored = (
        project(sheet, slab(**how), 60, 60.0) for how in ({}, {"angle": 0.5 * math.pi}, {"mirrored": True})
    )
    assert np.abs(turned - np.rot90(plain, -1)).max() < 1e-3 * plain.max()
    assert np.abs(mirrored - plain[:, ::-1]).max() < 1e-3 * plain.max()


def test_a_pixel_is_as_large_as_the_distance_makes_it():
    view = View.of(0.1, 2.0)
    distance = LambdaCDM(67.8, 0.308, 0.692, Tcmb0=0.0).angular_diameter_distance(0.1).to_value("kpc")
    assert view.kpc_per_pixel == pytest.approx(distance * math.radians(2.0 / 3600.0), rel=1e-6)
    assert view.mpc_per_pixel == pytest.approx(1.1 * view.kpc_per_pixel / 1000.0, rel=1e-6)


def test_fields_of_groups_have_no_cluster_in_any_slab(sheet):
    places, power = sheet.peaks
    for seed in range(5):
        for one in draw_slabs([sheet], FIELD, np.random.default_rng(seed), "group"):
            half = 80 * View.of(one.redshift, 25.0).mpc_per_pixel
            apart = places[:, [(one.axis + 1) % 3, (one.axis + 2) % 3]] - one.centre
            apart -= 100.0 * np.round(apart / 100.0)
            assert power[np.abs(apart).max(axis=1) < half].max(initial=0.0) < GROUP[1]


def test_what_the_boxes_do_not_have_is_refused(sheet):
    with pytest.raises(CubefocusError, match=r"'clusters' are not known; give one of cluster, group, any"):
        draw_sky([sheet], FIELD, 0, "clusters")
    dark = Sheet(dataclasses.replace(sheet.emission, log_power=np.zeros_like(sheet.emission.log_power)))
    with pytest.raises(CubefocusError, match=r"none of 1 boxes has a place for a field .* with a cluster"):
        draw_sky([dark], FIELD, 0, "cluster")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_pixels": 0}, "0 pixels"),
        ({"cell_arcsec": 0.0}, r"pixels of 0\.0 arcsec"),
        ({"redshifts": ()}, r"redshifts of the slabs are \[\]"),
        ({"redshifts": (0.1, 0.0)}, "above 0"),
    ],
)
def test_settings_that_make_no_sky_are_refused(changes, said):
    with pytest.raises(CubefocusError, match=said):
        dataclasses.replace(FIELD, **changes)
