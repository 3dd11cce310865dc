"""Infer the sky from visibilities: metric Gaussian and geometric variational inference, by NIFTy.

Knollmueller & Ensslin (2019, arXiv:1901.11033), Frank, Leike & Ensslin (2021, Entropy 23, 853). A round draws samples
about the present mean, and moves the mean to where the energy of all samples together is lowest.
"""

from __future__ import annotations

import hashlib
import json
import logging
import operator
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import nifty.re as jft
import numpy as np
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.resolve.model import FIELD, Response, Sky
from cubefocus.resolve.parameters import PARAMETERS, pushed
from cubefocus.resolve.posterior import Posterior
from cubefocus.resolve.state import State
from cubefocus.resolve.visibilities import Visibilities
from cubefocus.settings import InferenceSettings, PriorSettings

logger = logging.getLogger(__name__)
jft.logger.setLevel(logging.CRITICAL)  # what it tells of each step; a round is told here

SHOWN = (0, 5, 24)  # rounds of Figs. 6 to 8 of the report
START = 0.1  # of a draw of the prior: from a whole one, the brightness is off by e^5, and the first steps overflow
FINAL = 4  # how many times as many samples the last round draws, for the intervals that are read off them
HOT = (30.0, 10.0, 3.0, 1.0)  # times the noise, of the first minimisations, without samples
HOTTER, HOTTEST = 3.0, 1e5  # by what there is more of it, up to which, where the first step finds no way down
EARLY = 1 / 3  # share of the rounds that take few samples, and few steps for the mean: it is far off yet
HALF = (
    1 / 2
)  # share of the rounds after which weights are learnt: before, the noise would explain what the sky does not


@dataclass(frozen=True)
class Effort:
    """Steps of a round: of the conjugate gradients of a sample, of Newton's for the mean, and of those within one."""

    sampling: int
    newton: int
    within: int
    curved: int


EFFORTS = {"start": Effort(0, 12, 60, 0), "early": Effort(250, 8, 40, 6), "late": Effort(250, 15, 80, 3)}
WAY = "where no baseline sees the sky it is as the prior has it, and another prior.offset may suit it better"
BLOWN = 1e6  # reduced chi^2 of a round that is not kept: a sample has run away, and the mean has gone after it
GAIN = 0.05  # change of the energy, in nats, at which a minimisation ends: far below what samples differ by


def infer(
    visibilities: Visibilities,
    prior: PriorSettings,
    inference: InferenceSettings,
    *,
    seed: int,
    state: str | Path,
    shown: str | Path | None = None,
) -> Posterior:
    """Draw samples of the posterior of the sky.

    Parameters
    ----------
    visibilities : Visibilities
    prior : PriorSettings
    inference : InferenceSettings
    seed : int
        Of all random draws.
    state : path
        Folder that the state is saved in after each round. If there is one of the same inference, it goes on from it,
        and ends with the same bits (with one thread: more add numbers up in any order).
    shown : path, optional
        Folder for the posteriors after the rounds `SHOWN`, ``000.h5`` and so on.

    Returns
    -------
    Posterior

    Raises
    ------
    CubefocusError
        If the folder holds another inference, the energy is no number, or no round could be kept.
    """
    one = Inference(visibilities, prior, inference, seed)
    state, asked = Path(state), one.digest()
    now = State.load(state, asked) or one.begin()
    if now.round:
        logger.info("goes on after round %d of %d", now.round, inference.rounds)
    while now.round < inference.rounds:
        now = one.advance(now)
        if shown is not None and now.round - 1 in SHOWN and now.residuals:
            one.posterior(now).save(Path(shown) / f"{now.round - 1:03d}.h5")
        now.save(state, asked)
        logger.info("%s", told(now.rows[-1], inference.rounds))
    if not now.residuals:
        raise CubefocusError(
            f"none of {inference.rounds} rounds could be kept: samples run away; check the weights of the data and "
            "prior.offset, or ask for more rounds"
        )
    found = one.posterior(now)
    logger.info("%s", found.facts["verdict"])
    return found


def told(row: Any, rounds: int) -> str:
    """A round in a line."""
    change = "" if np.isnan(row["change"]) else f", mean moved by {row['change']:.2f} deviations"
    return (
        f"round {row['round'] + 1} of {rounds}: energy {row['energy']:.6g}, reduced chi2 {row['reduced_chi2']:.3f}, "
        f"noise {row['noise_factor']:.2f} times that of the weights{change}"
    )


class Inference:
    """One inference: its model, and how a round changes its state."""

    def __init__(
        self, visibilities: Visibilities, prior: PriorSettings, inference: InferenceSettings, seed: int
    ) -> None:
        self.visibilities, self.prior, self.inference, self.seed = visibilities, prior, inference, seed
        self.sky = Sky(visibilities.shape, visibilities.cell_arcsec, prior, len(visibilities.windows) > 1)
        self.response = Response(self.sky, visibilities, inference.threads)
        windows = visibilities.windows
        self.data = np.concatenate([window.visibilities for window in windows])
        self.root_weights = np.sqrt(np.concatenate([window.weights for window in windows]))
        baselines = np.concatenate([window.baselines_m for window in windows])
        self.edges = np.quantile(baselines, np.linspace(0.0, 1.0, inference.weight_bins + 1))
        self.bins = np.clip(np.searchsorted(self.edges, baselines, "right") - 1, 0, inference.weight_bins - 1)
        self.seen, self.image = jax.jit(self.response), jax.jit(self.sky)

    def digest(self) -> str:
        """Of all that decides the result."""
        plain = [self.prior.to_dict(), self.inference.to_dict(), self.seed, self.visibilities.digest()]
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()

    def begin(self) -> State:
        """The state before the first round: the most probable sky, from a draw of the prior.

        Samples about a sky that does not predict the data are far too wide where the noise is a thousandth of the
        signal. What takes them in is a power spectrum of less and less fluctuation, out of which later rounds do not
        find: the sky is then as bright as the prior has it wherever no baseline sees it. So the first steps go without
        samples, and with more noise than there is, as a minimisation at once ends in a sky of bright pixels.
        """
        drawn = jft.Vector(self.response.init(jax.random.PRNGKey(self.seed))) * START
        ones, hot = np.ones(self.inference.weight_bins), HOT[0]
        mean = self._most_probable(drawn, hot * ones)
        while hot < HOTTEST and all(np.array_equal(mean.tree[name], drawn.tree[name]) for name in drawn.tree):
            hot *= HOTTER
            mean = self._most_probable(drawn, hot * ones)
        for cooler in (one for one in HOT if one < hot):
            mean = self._most_probable(mean, cooler * ones)
        shape = (2, *self.visibilities.shape)
        return State(0, plain(mean), {}, np.zeros((0, 2), np.uint32), ones, np.full(shape, np.nan))

    def _most_probable(self, mean: Any, factors: np.ndarray) -> Any:
        """Parameters of the highest posterior density, sought from others."""
        energy, effort = self.likelihood(factors), EFFORTS["start"]
        none: dict[str, Any] = {"n_samples": 0, "sample_mode": "linear_resample", "draw_linear_kwargs": {}}
        asked = none | {"nonlinearly_update_kwargs": {}, "kl_kwargs": self._newton(effort)}
        optimiser = jft.OptimizeVI(energy, 1, linear_minimizer_jit=False)
        start = optimiser.init_state(jax.random.PRNGKey(self.seed), **asked)
        return optimiser.update(jft.Samples(pos=mean, samples=None, keys=None), start)[0].pos

    def _newton(self, effort: Effort) -> dict[str, Any]:
        """What NIFTy is asked for to move a mean."""
        within = {"name": None, "absdelta": GAIN, "resnorm": None, "maxiter": effort.within}
        return {"minimize_kwargs": {"name": None, "absdelta": GAIN, "maxiter": effort.newton, "cg_kwargs": within}}

    def likelihood(self, factors: np.ndarray) -> Any:
        """Gaussian noise, with the weights of the data and by what it is larger in each bin of baseline length."""
        inverse = jnp.asarray(self.root_weights / factors[self.bins])
        times, square = (jax.tree_util.Partial(operator.mul, one) for one in (inverse, inverse**2))
        return jft.Gaussian(jnp.asarray(self.data), noise_cov_inv=square, noise_std_inv=times).amend(self.response)

    def options(self, number: int) -> dict[str, Any]:
        """What NIFTy is asked for in a round."""
        rounds = self.inference.rounds
        effort = EFFORTS["early" if number < EARLY * rounds else "late"]
        curved = self.inference.method == "geovi"
        bend = {"name": None, "maxiter": effort.within}
        return {
            "n_samples": self._pairs(number),
            "sample_mode": "nonlinear_resample" if curved else "linear_resample",
            "draw_linear_kwargs": {"cg_kwargs": {"absdelta": GAIN, "maxiter": effort.sampling, "name": None}},
            "nonlinearly_update_kwargs": {
                "minimize_kwargs": {"name": None, "xtol": 1e-3, "maxiter": effort.curved, "cg_kwargs": bend}
            },
            "kl_kwargs": self._newton(effort),
        }

    def _pairs(self, number: int) -> int:
        """Pairs of samples in a round: half as many at first, where the mean is far off."""
        pairs, rounds = self.inference.samples, self.inference.rounds
        if number == rounds - 1:
            return FINAL * pairs
        return max(pairs // 2, 1) if number < EARLY * rounds else pairs

    def advance(self, now: State) -> State:
        """The state after one more round."""
        began, began_cpu = time.monotonic(), time.process_time()
        optimiser = jft.OptimizeVI(self.likelihood(now.factors), self.inference.rounds, linear_minimizer_jit=False)
        key = jax.random.fold_in(jax.random.PRNGKey(self.seed), now.round + 1)
        mean = jft.Vector({name: jnp.asarray(value) for name, value in now.mean.items()})
        asked = optimiser.init_state(key, nit=now.round, **self.options(now.round))
        samples, done = optimiser.update(jft.Samples(pos=mean, samples=None, keys=None), asked)
        energy = float(done.minimization_state.fun)
        if not np.isfinite(energy):
            raise CubefocusError(f"round {now.round + 1}: the energy is {energy}; check the data's weights and prior")
        skies = np.array([self.image(sample) for sample in samples])
        image = np.array([skies.mean(axis=0), skies.std(axis=0, ddof=1)])
        moved = _moved(image, now.image[0])
        squares = np.mean([self._squares(sample) for sample in samples], axis=0)
        used = self._mean(squares / now.factors[self.bins] ** 2)
        late = self.inference.weights and now.round + 1 >= HALF * self.inference.rounds
        factors = np.sqrt(self._by_bin(squares)) if late else now.factors
        row = {"round": now.round, "energy": energy, "reduced_chi2": used, "change": moved,
               "noise_factor": float(np.sqrt(np.mean(now.factors**2))), "samples": len(samples),
               "method": self.options(now.round)["sample_mode"].partition("_")[0]}  # fmt: skip
        cost = {"round": now.round, "seconds": time.monotonic() - began, "cpu_seconds": time.process_time() - began_cpu}
        rows, times = [*now.rows, row], [*now.times, cost]
        if used > BLOWN:
            logger.warning(
                "round %d is not kept: its reduced chi2 is %.3g; the next one draws anew", now.round + 1, used
            )
            return replace(now, round=now.round + 1, rows=rows, times=times)
        residuals = {name: np.asarray(value) for name, value in samples._samples.tree.items()}
        return State(now.round + 1, plain(samples.pos), residuals, np.asarray(samples.keys), factors, image,
                     rows, times)  # fmt: skip

    def _squares(self, sample: Any) -> np.ndarray:
        """Half of the squared residual of each visibility in units of the noise of its weight: 1 on average."""
        return np.abs((np.asarray(self.seen(sample)) - self.data) * self.root_weights) ** 2 / 2

    def _mean(self, squares: np.ndarray) -> float:
        return float(np.mean(squares))

    def _by_bin(self, squares: np.ndarray) -> np.ndarray:
        count = np.bincount(self.bins, minlength=self.inference.weight_bins)
        return np.bincount(self.bins, squares, self.inference.weight_bins) / np.maximum(count, 1)

    def samples(self, now: State) -> list[Any]:
        """Parameters of each sample."""
        number = len(next(iter(now.residuals.values())))
        return [
            jft.Vector({name: jnp.asarray(now.mean[name] + now.residuals[name][one]) for name in now.mean})
            for one in range(number)
        ]

    def posterior(self, now: State) -> Posterior:
        """What a state says of the sky."""
        samples = self.samples(now)
        several = self.sky.several
        factors = np.array([np.sqrt(self._by_bin(self._squares(sample))) for sample in samples])
        learnt = self.inference.weights
        parameters = {name: self._parameter(name, samples) for name in PARAMETERS}
        return Posterior(
            samples=np.array([self.image(sample) for sample in samples]),
            wavenumbers=self.sky.wavenumbers[1:],
            power=np.array([self.sky.spectrum(sample) for sample in samples])[:, 1:],
            parameters=parameters,
            rounds=Table(list(now.rows)),
            header=self.visibilities.header,
            spectral_index=np.array([self.sky.spectral_index(sample) for sample in samples] if several else []),
            baselines_m=self.edges if learnt else np.zeros(0),
            noise_factors=factors if learnt else np.zeros((len(samples), 0)),
            facts=self.verdict(now, parameters)
            | {
                "seed": self.seed,
                "prior": json.dumps(self.prior.to_dict()),
                "inference": json.dumps(self.inference.to_dict()),
            },
        )

    def _parameter(self, name: str, samples: Sequence[Any]) -> np.ndarray:
        """Values of a parameter of the prior in each sample, from the standard normal ones of NIFTy."""
        known = PARAMETERS[name]
        mean, deviation = getattr(self.prior, known.setting)
        prior = (jft.LogNormalPrior if known.positive else jft.NormalPrior)(mean, deviation, name=FIELD + known.nifty)
        return np.array([float(prior(sample)) for sample in samples])

    def verdict(self, now: State, parameters: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Whether it has converged, and a sentence that says so, and how far the data push the prior."""
        last, (low, high) = now.rows[-1], self.inference.chi2
        wrong = []
        if not low <= last["reduced_chi2"] <= high:
            wrong.append(f"reduced chi2 is {last['reduced_chi2']:.3f}, not between {low:g} and {high:g}")
        if not last["change"] <= self.inference.change:
            wrong.append(f"the mean still moved by {last['change']:.2f} deviations in the last round")
        sentence = f"{'NOT converged' if wrong else 'converged'} after {now.round} rounds"
        sentence += "".join(f"{mark} {text}" for mark, text in zip((":", ";"), wrong, strict=False))
        far = pushed(parameters, self.prior)
        if far:
            named = ", ".join(f"prior.{PARAMETERS[name].setting} by {by:+.1f}" for name, by in far.items())
            sentence += f"; the data push {named} of its deviations: {WAY}"
        return {"converged": not wrong, "verdict": sentence}


def _moved(image: np.ndarray, before: np.ndarray) -> float:
    """Rms change of a mean in its deviations, by brightness: where the sky is dark, few samples say little of both."""
    share = np.abs(image[0])
    return float(np.sqrt(np.average(((image[0] - before) / image[1]) ** 2, weights=share)))


def plain(vector: Any) -> dict[str, np.ndarray]:
    """Arrays of a vector of NIFTy by name."""
    return {name: np.asarray(value) for name, value in vector.tree.items()}
