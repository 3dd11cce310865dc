"""The fit of known sources: errors that mean something, and what must not change its answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from uv_instrument import Truth, UvInstrument

from cubefocus.fit.solve import NOTHING, Priors, inverse_of, solve, with_amplitudes
from cubefocus.fit.source import Component, axes_of, shape_parameters

PAIR = (
    Truth(x=22.3, y=25.6, continuum=0.3, lines=((1.0, 5.2, 3.0),)),
    Truth(x=41.7, y=38.2, sigma_x=3.0, sigma_y=1.5, pa=70.0, continuum=0.2, lines=((0.8, 10.4, 5.0),)),
)
BLEND = (PAIR[0], Truth(x=28.3, y=28.4, sigma_x=1.5, sigma_y=1.5, continuum=0.25, lines=((0.8, 6.6, 4.0),)))
INDEX = 6  # place of the spectral index, which the prior decides over so narrow a band


def values_of(components):
    return np.concatenate([one.values for one in components])


def start_of(source: Truth, dx: float = 1.0, dy: float = -1.0) -> Component:
    """As vague as what a network says: round, a channel off, without fluxes."""
    lines = [(z + 1.0, 4.0) for _, z, _ in source.lines]
    return Component.of(source.x + dx, source.y + dy, 6.0 * np.eye(2), lines)


def fitted(uv, beam, cube, starts, white=None):
    scene = uv.scene(cube, beam, white)
    return solve(scene, with_amplitudes(scene, starts), Priors.of_beam(beam.sigma))


def pulls(uv, beam, sources, white, n):
    """Distances from the truth in the stated errors of n draws of the noise, (n, parameter), without the index."""
    cube, truth = uv.dirty(*sources), values_of(map(uv.component, sources))
    rows = []
    for seed in range(n):
        noisy = cube + uv.noise(np.random.default_rng(seed), white)
        found = fitted(uv, beam, noisy, [uv.component(one) for one in sources], white)
        assert found.converged
        rows.append((values_of(found.components) - truth) / np.sqrt(np.diag(found.covariance)))
    return np.delete(np.array(rows), np.s_[INDEX::10], axis=1)


@pytest.mark.parametrize("sources", [PAIR, BLEND], ids=["apart", "blended"])
def test_errors_are_those_that_the_noise_makes(uv, uv_beam, sources):
    """100 draws at a signal to noise of 90: means 0, standard deviations 1, and 68 and 95 % within 1 and 2 errors."""
    found = pulls(uv, uv_beam, sources, 0.06, 100)
    assert np.abs(found.mean(axis=0)).max() < 3.5 / 10
    assert found.std(axis=0) == pytest.approx(np.ones(found.shape[1]), abs=3.5 / np.sqrt(200))
    assert found.std() == pytest.approx(1.0, abs=0.08)
    assert (np.abs(found) < 1.0).mean() == pytest.approx(0.683, abs=0.04)
    assert (np.abs(found) < 1.96).mean() == pytest.approx(0.95, abs=0.02)


def test_correlations_are_those_that_the_noise_makes(uv, uv_beam):
    """Of a blend: flux and size of one, and the fluxes of both, go together as the covariance says."""
    cube, truth, rows = uv.dirty(*BLEND), [uv.component(one) for one in BLEND], []
    for seed in range(100):
        found = fitted(uv, uv_beam, cube + uv.noise(np.random.default_rng(seed), 0.06), truth, 0.06)
        rows.append(values_of(found.components))
    scale = np.sqrt(np.diag(found.covariance))
    stated, seen = found.covariance / np.outer(scale, scale), np.corrcoef(np.array(rows).T)
    for first, second in ((2, 5), (5, 15), (7, 17), (0, 10)):
        assert seen[first, second] == pytest.approx(stated[first, second], abs=0.25)
    assert stated[2, 5] > 0.3, "a larger source has more flux for the same peak"
    assert stated[5, 15] < -0.1, "what one takes the other lacks"
    assert found.covariance_of(1) == pytest.approx(found.covariance[10:, 10:])


def test_errors_with_noise_of_both_kinds_that_is_measured_in_the_cube():
    """Thermal noise is correlated as the beam: errors that took it for white would be half as large."""
    uv = UvInstrument(n_channels=24)
    beam, sources = uv.beam(), (replace(PAIR[0], continuum=0.2, lines=((0.5, 12.2, 3.0),)),)
    cube, truth, rows = uv.dirty(*sources), values_of(map(uv.component, sources)), []
    rng = np.random.default_rng(8)
    for _ in range(24):
        noisy = cube + uv.noise(rng, 0.03, 0.03)
        found = fitted(uv, beam, noisy, [uv.component(one) for one in sources])
        rows.append((values_of(found.components) - truth) / np.sqrt(np.diag(found.covariance)))
    rows = np.delete(np.array(rows), INDEX, axis=1)
    assert rows.std() == pytest.approx(1.0, abs=0.15)
    assert (np.abs(rows) < 1.0).mean() == pytest.approx(0.683, abs=0.09)
    white = fitted(uv, beam, noisy, [uv.component(one) for one in sources], 0.03 * np.sqrt(2.0))
    assert (np.sqrt(np.diag(white.covariance)) < 0.8 * np.sqrt(np.diag(found.covariance)))[:2].all()


def test_errors_scale_with_the_noise(uv, uv_beam):
    """Of places and shapes, which the prior of the spectral index does not touch."""
    scale = []
    for white in (0.01, 0.04):
        found = fitted(uv, uv_beam, uv.dirty(*PAIR), [uv.component(one) for one in PAIR], white)
        scale.append(np.sqrt(np.diag(found.covariance)).reshape(2, 10)[:, :5])
    assert scale[1] / scale[0] == pytest.approx(np.full((2, 5), 4.0), rel=0.01)


def test_error_of_a_place_is_the_width_over_the_signal_to_noise(uv, uv_beam):
    """A Gaussian of standard deviation s, in white noise: s sqrt(2) over the signal to noise (Condon 1997).

    The density of the baselines is a Gaussian but for its cut, so the dirty beam of a point is one as well.
    """
    source = Truth(sigma_x=4.0, sigma_y=4.0, continuum=1.0, lines=())
    cube = uv.dirty(source)
    found = fitted(uv, uv_beam, cube, [uv.component(source)], 0.05)
    snr = np.sqrt((cube**2).sum()) / 0.05
    major, minor = np.array(uv_beam.fwhm) / 2.35482
    widths = np.sqrt(4.0**2 + np.array([major, minor]) ** 2)
    errors, _ = np.linalg.eigh(found.covariance[:2, :2])
    assert np.sqrt(errors) == pytest.approx(np.sort(widths) * np.sqrt(2.0) / snr, rel=0.06)


@pytest.mark.parametrize(("dx", "dy"), [(3.0, 0.0), (-2.1, 2.1), (0.0, -3.0)])
def test_start_that_is_three_pixels_off_ends_at_the_same_place(uv, uv_beam, dx, dy):
    cube = uv.dirty(*PAIR) + uv.noise(np.random.default_rng(3), 0.06)
    wanted = fitted(uv, uv_beam, cube, [uv.component(one) for one in PAIR], 0.06)
    found = fitted(uv, uv_beam, cube, [start_of(one, dx, dy) for one in PAIR], 0.06)
    assert found.converged
    assert found.chi2 == pytest.approx(wanted.chi2, abs=0.02)
    off = (values_of(found.components) - values_of(wanted.components)) / np.sqrt(np.diag(wanted.covariance))
    assert np.abs(off).max() < 0.05


def test_chi2_of_the_best_fit_lacks_one_for_each_parameter(uv, uv_beam):
    """The truth explains less than the fit, by a chi^2 of as many degrees of freedom as there are parameters."""
    cube, truth, gains = uv.dirty(*PAIR), [uv.component(one) for one in PAIR], []
    for seed in range(40):
        scene = uv.scene(cube + uv.noise(np.random.default_rng(seed), 0.06), uv_beam, 0.06)
        found = solve(scene, truth, Priors.of_beam(uv_beam.sigma))
        gains.append(scene.products(truth).chi2() - found.products.chi2())
    assert np.mean(gains) == pytest.approx(18, abs=3.5 * np.sqrt(2 * 18 / 40))


def same(found, wanted, change, tolerance=0.05):
    """Whether parameters are those of another fit after a change of these, within a share of their errors."""
    errors = np.sqrt(np.diag(found.covariance))
    expected = np.concatenate([change(one.values.copy()) for one in wanted.components])
    assert np.abs((values_of(found.components) - expected) / errors).max() < tolerance


@pytest.fixture(scope="module")
def noisy(uv):
    """Both sources in noise, on an image of an odd number of pixels with the middle of the band in its middle."""
    odd = UvInstrument(n_pixels=63, n_channels=15)
    return odd, odd.beam(), odd.dirty(*PAIR) + odd.noise(np.random.default_rng(4), 0.06)


def test_unit_of_the_cube_does_not_matter(noisy):
    uv, beam, cube = noisy
    one = fitted(uv, beam, cube, [start_of(source) for source in PAIR])
    for factor in (1e3, 1e-6):
        other = fitted(uv, beam, factor * cube, [start_of(source) for source in PAIR])

        def change(values, factor=factor):
            values[[5, 7]] *= factor
            return values

        same(other, one, change, 0.01)
        assert other.chi2 == pytest.approx(one.chi2, rel=1e-4)


def test_shift_by_whole_pixels_moves_the_sources(noisy):
    """Shifted is the sky, not the cube: dirty beam and noise stay."""
    uv, beam, _ = noisy
    noise = uv.noise(np.random.default_rng(4), 0.06)
    moved = [replace(one, x=one.x + 5.0, y=one.y - 3.0) for one in PAIR]
    one = fitted(uv, beam, uv.dirty(*PAIR) + noise, [start_of(source) for source in PAIR], 0.06)
    other = fitted(uv, beam, uv.dirty(*moved) + np.roll(noise, (-3, 5), axis=(1, 2)),
                   [start_of(source) for source in moved], 0.06)  # fmt: skip

    def change(values):
        values[:2] += (5.0, -3.0)
        return values

    same(other, one, change, 0.15)  # positions on the samples differ


def test_reversal_of_the_band_reverses_the_lines(noisy):
    uv, beam, cube = noisy
    starts = [start_of(source) for source in PAIR]
    one = fitted(uv, beam, cube, starts, 0.06)

    def change(values):
        values[8], values[6] = 14.0 - values[8], -values[6]
        return values

    other = fitted(uv, beam, cube[::-1], [Component(change(start.values.copy())) for start in starts], 0.06)
    same(other, one, change)


def test_transposed_image_swaps_the_axes(noisy):
    uv, beam, cube = noisy
    starts = [start_of(source) for source in PAIR]
    one = fitted(uv, beam, cube, starts, 0.06)
    swapped = replace(uv, u=uv.v, v=uv.u, _kept={})

    def change(values):
        values[[0, 1]], values[3] = values[[1, 0]], -values[3]
        return values

    other = fitted(swapped, swapped.beam(), cube.transpose(0, 2, 1),
                   [Component(change(start.values.copy())) for start in starts], 0.06)  # fmt: skip
    same(other, one, change)


def test_order_of_the_sources_does_not_matter(noisy):
    uv, beam, cube = noisy
    one = fitted(uv, beam, cube, [start_of(source) for source in PAIR], 0.06)
    other = fitted(uv, beam, cube, [start_of(source) for source in reversed(PAIR)], 0.06)
    assert values_of(reversed(other.components)) == pytest.approx(values_of(one.components), abs=1e-3)


def test_border_without_data_does_not_move_sources_away_from_it(uv, uv_beam):
    """9 pixels, one and a half beams, from a circular cut of the primary beam."""
    source = Truth(x=51.0, y=34.0, continuum=0.5, lines=((1.0, 8.0, 3.0),))
    y, x = np.mgrid[:64, :64] - 32
    rows = []
    for seed in range(10):
        cube = uv.dirty(source) + uv.noise(np.random.default_rng(seed), 0.1)
        cube[:, np.hypot(x, y) > 28] = np.nan
        found = fitted(uv, uv_beam, cube, [start_of(source)], 0.1)
        rows.append((values_of(found.components) - uv.component(source).values) / np.sqrt(np.diag(found.covariance)))
    rows = np.delete(np.array(rows), INDEX, axis=1)
    assert rows.std() < 1.3
    assert np.abs(rows.mean(axis=0)).max() < 1.0


def test_blank_channels_cost_no_more_than_their_data(uv, uv_beam):
    cube = uv.dirty(*PAIR) + uv.noise(np.random.default_rng(9), 0.06)
    whole = fitted(uv, uv_beam, cube, [start_of(source) for source in PAIR], 0.06)
    cube[[1, 7, 15]] = np.nan
    scene = uv.scene(cube, uv_beam)
    part = solve(scene, with_amplitudes(scene, [start_of(source) for source in PAIR]), Priors.of_beam(uv_beam.sigma))
    off = values_of(part.components) - values_of(whole.components)
    assert np.abs(off / np.sqrt(np.diag(part.covariance))).max() < 2.0
    assert (np.diag(part.covariance) > np.diag(whole.covariance)).all()


def test_one_channel_gives_places_shapes_and_fluxes():
    uv = UvInstrument(n_channels=1)
    source = replace(PAIR[0], continuum=1.0, lines=())
    cube = uv.dirty(source) + uv.noise(np.random.default_rng(2), 0.02)
    beam = uv.beam()
    found = fitted(uv, beam, cube, [start_of(source)], 0.02)
    assert found.converged
    off = (values_of(found.components) - uv.component(source).values) / np.sqrt(np.diag(found.covariance))
    assert np.abs(off).max() < 4.0
    assert found.components[0].values[INDEX] == pytest.approx(0.0, abs=1e-6)
    assert found.covariance[INDEX, INDEX] == pytest.approx(1.0)


def test_point_source_stays_small_and_keeps_its_flux(uv, uv_beam):
    source = Truth(sigma_x=1e-3, sigma_y=1e-3, continuum=0.3, lines=((1.0, 8.0, 3.0),))
    cube = uv.dirty(source) + uv.noise(np.random.default_rng(1), 0.06)
    found = fitted(uv, uv_beam, cube, [start_of(source)], 0.06)
    values, errors = found.components[0].values, np.sqrt(np.diag(found.covariance))
    major, minor, _ = axes_of(found.components[0].cov)
    assert major < 0.35 * uv_beam.sigma
    assert minor < major
    assert np.isfinite(errors).all()
    assert np.abs((values - uv.component(source).values) / errors)[[0, 1, 5, 7, 8, 9]].max() < 4.0
    assert errors[2] > 0.5, "a size that the data do not tell is not stated as if they did"


def test_absorption_line_is_fitted_as_one(uv, uv_beam):
    source = Truth(continuum=0.5, lines=((-0.4, 8.0, 3.0),))
    found = fitted(uv, uv_beam, uv.dirty(source) + uv.noise(np.random.default_rng(1), 0.06), [start_of(source)], 0.06)
    off = (found.components[0].values - uv.component(source).values) / np.sqrt(np.diag(found.covariance))
    assert np.abs(off).max() < 4.0
    assert found.components[0].values[7] < 0


def test_spectral_index_is_measured_over_a_wide_band():
    uv = UvInstrument(bandwidth=0.3)
    source = Truth(continuum=1.0, lines=((1.0, 8.0, 3.0),), index=1.4)
    found = fitted(uv, uv.beam(), uv.dirty(source) + uv.noise(np.random.default_rng(6), 0.06), [start_of(source)], 0.06)
    error = np.sqrt(found.covariance[INDEX, INDEX])
    assert error < 0.1
    assert found.components[0].values[INDEX] == pytest.approx(1.4, abs=4 * error)


def test_faint_source_keeps_finite_parameters(uv, uv_beam):
    """Noise alone: the priors hold what the data do not tell."""
    for seed in range(5):
        cube = uv.noise(np.random.default_rng(seed), 0.06)
        found = fitted(uv, uv_beam, cube, [Component.of(30.0, 30.0, 6.0 * np.eye(2), [(8.0, 4.0)])], 0.06)
        assert np.isfinite(found.covariance).all()
        assert (np.diag(found.covariance) > 0).all()
        assert abs(found.components[0].values[2] - 2 * np.log(uv_beam.sigma)) < 6.0
        assert found.chi2 > -60.0


def test_priors_are_weak_knowledge_about_their_means():
    priors = Priors.of_beam(3.0)
    mean = Component.of(5.0, 5.0, 9.0 * np.eye(2), [(4.0, 2.0 * 2.35482)], flux=7.0)
    assert priors.penalty([mean]) == pytest.approx(0.0, abs=1e-8)
    off = Component(mean.values + np.array([9.0, 9.0, 1.5, 2.0, 0.0, 9.0, 3.0, 9.0, 9.0, 1.0]))
    assert priors.penalty([off]) == pytest.approx(1.0 + 4.0 + 9.0 + 1.0, abs=1e-4)
    assert priors.penalty([off, off]) == pytest.approx(30.0, abs=1e-4)
    precision, pull = priors.terms(off)
    assert pull[precision == 0].tolist() == [0.0] * 5
    assert shape_parameters(mean.cov)[0] == pytest.approx(priors.log_size[0])


def test_nothing_to_fit(uv, uv_beam):
    scene = uv.scene(uv.noise(np.random.default_rng(1), 0.06), uv_beam, 0.06)
    assert with_amplitudes(scene, []) == []
    assert solve(scene, [], Priors.of_beam(3.0)) is NOTHING
    assert NOTHING.chi2 == 0.0


def test_two_starts_at_one_place_share_the_flux(uv, uv_beam):
    """Their equations are singular; the sum is known all the same."""
    source = replace(PAIR[0], lines=())
    scene = uv.scene(uv.dirty(source), uv_beam, 0.05)
    twins = with_amplitudes(scene, [uv.component(source)] * 2)
    assert sum(one.values[5] for one in twins) == pytest.approx(0.3, rel=1e-3)
    assert twins[0].values[5] == pytest.approx(twins[1].values[5], rel=1e-3)


def test_two_sources_at_one_place_have_large_errors_and_no_negative_variance(uv, uv_beam):
    """Their sum is known as well as one source is; of each alone nothing is, as of a bright one less another."""
    scene = uv.scene(uv.dirty(PAIR[0]) + uv.noise(np.random.default_rng(2), 0.05), uv_beam, 0.05)
    priors, one = Priors.of_beam(uv_beam.sigma), uv.component(PAIR[0])
    alone, twins = solve(scene, [one], priors), solve(scene, [one, one], priors)
    assert np.linalg.eigvalsh(twins.covariance).min() > -1e-9 * np.linalg.eigvalsh(twins.covariance).max()
    assert (np.diag(twins.covariance) > 0).all()
    flux = one.amplitudes[0]
    first, second = flux, len(one.values) + flux
    error = np.sqrt(alone.covariance[flux, flux])
    assert np.sqrt(twins.covariance[first, first]) > 10.0 * error
    pair = twins.covariance[np.ix_([first, second], [first, second])]
    assert np.sqrt(pair.sum()) < 3.0 * error


def test_a_parameter_that_nothing_is_known_of_has_a_large_error_and_spares_the_others():
    """Products of single precision may leave its precision a little below 0."""
    fisher = np.array([[4.0, 0.0, 0.0], [0.0, -1e-9, 0.0], [0.0, 0.0, 25.0]])
    variances = np.diag(inverse_of(fisher))
    assert variances[[0, 2]] == pytest.approx([0.25, 0.04])
    assert variances[1] > 1e9
