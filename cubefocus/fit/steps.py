"""The steps of the fit of a cube: sources together, then what is left, then without those that are none.

The order was measured: fit, search of the residual, merging, removal, refit. Removal before the search of the residual
does not tell true from false, as one missing source makes others grow into its place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from cubefocus.fit.fitted import Fitted
from cubefocus.fit.misfit import POOR, Misfit, misfits
from cubefocus.fit.model import Residual, Scene, changes
from cubefocus.fit.nearby import Nearby
from cubefocus.fit.search import Peak, highest_peaks
from cubefocus.fit.solve import MAX_STEPS, NOTHING, Priors, Solution, promised, solve, with_amplitudes
from cubefocus.fit.source import LINE, N_FIXED, Component
from cubefocus.settings import FitSettings

CLOSE = 1.5  # in widths of the beam and the sources: two components that near each other may be one source
OVERLAP = 0.3  # of the sum of their FWHM: two lines that near each other are one
MOVING = 0.6  # of what a second component explains: where a line that moves across the first explains that, it is one
STEPS = 12  # of a fit whose sources may not stay: those that are none take endless ones
FEW = 8  # sources that are always fitted together: to leave some of them where they are would save nothing
SWEEPS = 3  # of groups of sources: what one leaves to another is a hundredth after the first
WORTH = 0.01  # chi^2 that a further step of a group is to promise
HOPELESS = 3.0  # significance of a start by the equations, below which it is left out before others are sought
SURE = 4.0  # times the threshold: what the equations put above that is not fitted without, to see
SURE_LINE = 2.0  # the same of a line; without it the fit is worse than they say, as its width and place are free, too
Start = Callable[[Scene, list[Component]], list[Component]]  # where the fit of some sources begins


class Steps:
    """The steps, and what they have made so far."""

    def __init__(
        self,
        scene: Scene,
        settings: FitSettings | None,
        left: float = math.inf,
        within: np.ndarray | None = None,
    ) -> None:
        """Take a cube, the significance of the highest peak that is left, if known, and where sources are sought."""
        self.scene, self.settings, self.left, self.within = scene, settings or FitSettings(), left, within
        self.priors = Priors.of_beam(scene.beam.sigma)
        self.solution: Solution = NOTHING
        self.origin: list[int] = []
        self.removed: list[tuple[int, float]] = []
        self.known: Residual | None = None  # of the highest peaks, where images end ...
        self.rest: Residual | None = None  # ... and of the fit

    @cached_property
    def nearby(self) -> Nearby:
        """Which sources have to do with which."""
        return Nearby(self.scene)

    def run(self, starts: Sequence[Component]) -> Fitted:
        self.origin = list(range(len(starts)))
        self.solution = self.fit(list(starts))
        self.drop_hopeless()
        if self.left >= self.settings.search:
            self.search()
            if self.scene.ends:
                self.move()
        sought = self.solution
        self.merge()
        self.drop_lines()
        significance = self.remove()
        if self.solution is not sought:  # what was taken away may be in what is left
            self.left = math.inf
        if not self.solution.converged:
            significance = self.end()
        return Fitted(self.scene, self.solution, significance, self.origin, self.removed, self.left)

    def end(self) -> np.ndarray:
        """All sources together at their best, none of them below the threshold; the significance of each."""
        while True:
            self.solution = best = self.together(self.solution.components)
            significance = self.remove()
            if self.solution is best or self.solution.converged:
                return significance

    def together(self, components: list[Component]) -> Solution:
        """The best fit of these sources, all of them free."""
        return solve(self.scene, self.by_groups(components, MAX_STEPS).components, self.priors)

    def fit(self, components: list[Component]) -> Solution:
        """The fit of these sources, whose fluxes need not be known."""
        return self.solved(components, with_amplitudes)

    def refit(self, components: list[Component]) -> Solution:
        """The fit of these sources from where they are."""
        return self.solved(components, lambda _, these: these)

    def solved(self, components: list[Component], start: Start) -> Solution:
        """The fit of sources: of all, or of those that a change of the present ones moves, beside the others.

        Those that have changed are other objects than the present ones.
        """
        before = self.solution.components
        gone, new = changes(before, components)
        part, free = self.part_with(components, gone + new)
        if part is self.scene:
            return self.by_groups(start(part, components), STEPS)
        found = solve(part, start(part, [components[number] for number in free]), self.priors, STEPS)
        fixed = [one for number, one in enumerate(components) if number not in free]
        replaced, _ = changes(before, fixed)
        value = self.solution.chi2 + found.chi2
        if replaced:
            value -= part.products(replaced).chi2() + self.priors.penalty(replaced)
        fitted = dict(zip(free, found.components, strict=True))
        every = [fitted.get(number, one) for number, one in enumerate(components)]
        return Solution(every, value, False, self.scene, self.priors)

    def by_groups(self, components: list[Component], most: int) -> Solution:
        """The fit of all sources, in groups that have hardly to do with each other, of so many steps each.

        The step of a fit is as long as the worst known of its sources allows. So that of a hundred sources at once
        would creep.
        """
        groups = self.nearby.groups(components) if len(components) > FEW else []
        if len(groups) < 2:
            return solve(self.scene, components, self.priors, most)
        every, rest, left = list(components), self.scene.less(components), groups
        for _ in range(SWEEPS):
            for group in left:
                part = rest.more([every[number] for number in group])
                found = solve(part, [every[number] for number in group], self.priors, most).components
                rest = part.less(found)
                for number, one in zip(group, found, strict=True):
                    every[number] = one
            products = self.scene.products(every)
            promises = promised(products, self.priors, groups)
            left = [group for group, value in zip(groups, promises, strict=True) if value > WORTH]
            if not left:
                break
        value = products.chi2() + self.priors.penalty(every)
        return Solution(every, value, False, self.scene, self.priors, products)

    def part_with(self, components: list[Component], changed: list[Component]) -> tuple[Scene, list[int]]:
        """Scene and numbers of the sources that a change moves, without the others; all, where that saves nothing."""
        everything = self.scene, list(range(len(components)))
        if len(components) <= FEW or len(changed) > len(components) // 2:
            return everything
        free = self.nearby.moved(components, changed)
        if len(free) > len(components) // 2:
            return everything
        present = self.solution.components
        self.rest = Residual(present, self.scene.less(present, self.rest).data)
        fixed = [one for number, one in enumerate(components) if number not in free]
        return self.scene.less(fixed, self.rest), free

    def misfits_of(self, components: list[Component], numbers: Sequence[int]) -> list[Misfit]:
        """How well some of these sources are described."""
        part, free = self.part_with(components, [components[number] for number in numbers])
        left = misfits(part, [components[number] for number in free])
        return [left[free.index(number)] for number in numbers]

    def drop_hopeless(self) -> None:
        """Leave out starts that the equations give next to nothing, all at once.

        Each is a free parameter too many, and tens of them, as networks see in the sidelobes of a bright source or in a
        cube times -1, keep the fit of the others from its end. What is a source is found again in the residual.
        """
        values = [self.quick(number) for number in range(len(self.solution.components))]
        keep = [number for number, value in enumerate(values) if value >= HOPELESS]
        if len(keep) < len(values):
            self.removed += [(self.origin[n], value) for n, value in enumerate(values) if value < HOPELESS]
            self.origin = [self.origin[number] for number in keep]
            self.solution = self.by_groups([self.solution.components[number] for number in keep], STEPS)

    def search(self) -> None:
        """Add what stands out of the residual, one peak at a time: the sidelobes of a bright one hide others."""
        avoid: list[tuple[float, float]] = []
        while len(self.solution.components) < self.settings.most:
            peak = self.next_peak(avoid)
            if peak.significance < self.settings.search:
                self.left = peak.significance
                return
            with_new = self.fit([*self.solution.components, peak.component()])
            gain, needed = self.solution.chi2 - with_new.chi2, self.settings.search**2
            with_line = self.as_line(peak.x, peak.y, peak.z, peak.fwhm) if peak.has_line else None
            by_line = 0.0 if with_line is None else self.solution.chi2 - with_line.chi2
            if with_line is not None and by_line > max(gain - needed, self.settings.line**2):
                self.solution = with_line
            elif gain > needed:
                self.solution = with_new
                self.origin.append(-1)
            else:
                avoid.append((peak.x, peak.y))

    def move(self) -> None:
        """Put sources where they explain more than where they are.

        Sidelobes of few baselines are nearly as high as the peak, and while other sources are still in the residual one
        of them may be higher. Some more sources then make up for it. So what the brighter ones leave is looked at once
        more, with these as they are known now.
        """
        number = 0
        while number < len(self.solution.components):
            components = self.solution.components
            order = sorted(range(len(components)), key=lambda index: -self.quick(index))
            rest = order[:number]
            peak, _ = highest_peaks(self.scene, [components[index] for index in rest], within=self.within)
            number += 1
            if any(may_be_one(one, peak.component(), self.scene.beam.sigma) for one in components):
                continue
            brighter = [components[index] for index in rest]
            there = self.fit([*brighter, peak.component()])
            if there.chi2 > self.fit([*brighter, components[order[number - 1]]]).chi2:
                continue
            before = self.solution, self.origin, self.left
            self.solution = there
            self.origin = [*(self.origin[index] for index in rest), -1]
            self.search()
            further = len(self.solution.components) - len(components)
            if self.solution.chi2 + further * self.settings.search**2 < before[0].chi2:
                self.removed += [(origin, 0.0) for origin in before[1] if origin not in self.origin]
                number = 0
            else:
                self.solution, self.origin, self.left = before

    def next_peak(self, avoid: list[tuple[float, float]]) -> Peak:
        """The highest peak of the residual, or what is negative if it stands out more, as its sidelobes are positive.

        Not where there is a source: between two that are fitted as one the residual is negative, and a hole in the one
        would be as good a fit as both.
        """
        components = self.solution.components
        left = misfits(self.scene, components, self.solution.products) if self.scene.ends else []
        poor = [number for number, one in enumerate(left) if one.probability < POOR]
        self.known = Residual(components, self.scene.residual(components, self.known))
        peak, hole = highest_peaks(self.scene, components, avoid, self.within, poor, self.known.left)
        at = Component.of(hole.x, hole.y, hole.sigma**2 * np.eye(2), [])
        filled = any(may_be_one(one, at, self.scene.beam.sigma) for one in components)
        return hole if hole.significance > peak.significance and not filled else peak

    def as_line(self, x: float, y: float, z: float, fwhm: float) -> Solution | None:
        """The fit with a peak as a further line of a source at its place; None if there is none there."""
        components = self.solution.components
        near = [number for number, one in enumerate(components) if _apart(one.centre, (x, y)) < self.scene.beam.sigma]
        if not near:
            return None
        chosen = min(near, key=lambda number: _apart(components[number].centre, (x, y)))
        extended = np.concatenate([components[chosen].values, [0.0, z, math.log(max(fwhm, 1.0) / 2.35482)]])
        return self.fit([*components[:chosen], Component(extended), *components[chosen + 1 :]])

    def merge(self) -> None:
        """Make one of two near components where one explains the data as well."""
        number = 0
        while number < len(self.solution.components):
            merged = self.merged(number)
            if merged is None:
                number += 1
            else:  # two that are one without a third are tried again
                self.solution, number = merged, 0

    def merged(self, number: int) -> Solution | None:
        components = self.solution.components
        one = components[number]
        for other in range(number):
            if not may_be_one(components[other], one, self.scene.beam.sigma):
                continue
            keep, drop = (other, number) if _total(components[other]) >= _total(one) else (number, other)
            found = self.as_one(keep, drop)
            if found is not None:
                self.removed.append((self.origin[drop], 0.0))
                if self.origin[keep] < 0 <= self.origin[drop]:
                    self.origin[keep], self.removed[-1] = self.origin[drop], (-1, 0.0)
                del self.origin[drop]
                return found
        return None

    def as_one(self, keep: int, drop: int) -> Solution | None:
        """The fit with one source in the place of two; None where two are needed.

        One is enough if it explains as much: the brighter one alone, given the chance to grow, or with the lines of the
        other. It is all that can be said too where the second one only follows a line that moves across the first, as
        in a rotating disc: its halves are no sources of their own, though one Gaussian leaves more than two. Not where
        these are farther apart than the beam's standard deviation and leave nothing else.
        """
        components = self.solution.components
        rest = [one for index, one in enumerate(components) if index != drop]
        alone, at = self.refit(rest), keep - (drop < keep)
        lost = alone.chi2_of_data - self.solution.chi2_of_data
        if lost < self.settings.keep**2:
            return alone
        both = _with_lines_of(components[keep], components[drop])
        if both is not None:
            joined = self.fit([*rest[:at], both, *rest[at + 1 :]])
            if joined.chi2_of_data - self.solution.chi2_of_data < self.settings.keep**2:
                return joined
        far = _apart(components[keep].centre, components[drop].centre) > self.scene.beam.sigma
        if far and min(one.probability for one in self.misfits_of(components, [keep, drop])) > POOR:
            return None  # two Gaussians are all that there is
        (left,) = self.misfits_of(alone.components, [at])
        return alone if left.gradient_chi2 > MOVING * lost else None

    def drop_lines(self, least: int = 1) -> None:
        """Leave out lines that explain too little of sources with more than ``least``."""
        number = 0
        while number < len(self.solution.components):
            without = self.without_weakest_line(number) if self.may_lose_line(number, least) else None
            if without is None or without.chi2_of_data - self.solution.chi2_of_data >= self.settings.line**2:
                number += 1
            else:
                self.solution = without

    def may_lose_line(self, number: int, least: int) -> bool:
        """Whether a source has lines to lose, and the equations do not put the weakest far above the threshold."""
        one = self.solution.components[number]
        return one.n_lines > least and self.weakest_line(number)[1] < SURE_LINE * self.settings.line

    def weakest_line(self, number: int) -> tuple[int, float]:
        """Place of the weakest line among the parameters of a source, and its significance by the equations."""
        one, errors = self.solution.components[number], np.sqrt(np.diag(self.solution.covariance_of(number)))
        peaks = one.amplitudes[1:]
        ratios = np.abs(one.values[peaks]) / errors[peaks]
        weakest = int(np.argmin(ratios))
        return peaks[weakest], float(ratios[weakest])

    def without_weakest_line(self, number: int) -> Solution:
        components = self.solution.components
        one, (weakest, _) = components[number], self.weakest_line(number)
        rest = Component(np.delete(one.values, np.s_[weakest : weakest + len(LINE)]))
        return self.refit([*components[:number], rest, *components[number + 1 :]])

    def remove(self) -> np.ndarray:
        """Remove sources below the threshold, one at a time; the significance of the others."""
        while self.solution.components:
            significance, weak = self.significances()
            if weak is None:
                return significance
            number, without = weak
            self.removed.append((self.origin.pop(number), float(significance[number])))
            self.solution = without
        return np.zeros(0)

    def significances(self) -> tuple[np.ndarray, tuple[int, Solution] | None]:
        """Square root of the chi^2 without each source less that with all.

        The weakest by the equations are fitted without first. The first one that is below the threshold ends it, as the
        others will have another significance without it: its number, and the fit without it.
        """
        components = self.solution.components
        values = np.array([self.quick(number) for number in range(len(components))])
        for number in np.argsort(values, kind="stable").tolist():
            if values[number] >= SURE * self.settings.keep:
                break
            without = self.refit([one for index, one in enumerate(components) if index != number])
            values[number] = math.sqrt(max(without.chi2_of_data - self.solution.chi2_of_data, 0.0))
            if values[number] < self.settings.keep:
                return values, (number, without)
        return values, None

    def quick(self, number: int) -> float:
        """Significance of a source by the equations alone: chi^2 of no flux at its shape, the others refitted."""
        one = self.solution.components[number]
        at = one.amplitudes
        precision = np.linalg.inv(self.solution.covariance_of(number))[np.ix_(at, at)]
        fluxes = one.values[at]
        return math.sqrt(max(float(fluxes @ precision @ fluxes), 0.0))


def _apart(a: tuple[float, float], b: tuple[float, float]) -> float:
    return math.hypot(a[0] - b[0], a[1] - b[1])


def _total(one: Component) -> float:
    return float(np.abs(one.values[one.amplitudes]).sum())


def _with_lines_of(one: Component, other: Component) -> Component | None:
    """A source with the lines of another as well, but those that it has itself; None if there are no others."""
    own = [one.line(number)[1:] for number in range(one.n_lines)]
    further = [
        other.values[N_FIXED + len(LINE) * number :][: len(LINE)]
        for number in range(other.n_lines)
        if all(abs(other.line(number)[1] - z) > OVERLAP * (other.line(number)[2] + fwhm) for z, fwhm in own)
    ]
    return Component(np.concatenate([one.values, *further])) if further else None


def may_be_one(a: Component, b: Component, sigma: float) -> bool:
    """Whether two components are near each other for their widths and that of the beam (standard deviation, pixels)."""
    offset = np.array(a.centre) - b.centre
    cov = a.cov + b.cov + sigma**2 * np.eye(2)
    return float(offset @ np.linalg.solve(cov, offset)) < CLOSE**2
