"""Smooth and clip in plain loops, to compare with: slow, and nothing in common with the package."""

from fractions import Fraction
from math import ceil, exp, log, sqrt
from statistics import median


def convolve(line, weights):
    """One line with zeros beyond its ends."""
    reach = len(weights) // 2
    result = []
    for i in range(len(line)):
        total = 0.0
        for k, weight in enumerate(weights):
            if 0 <= i + k - reach < len(line):
                total += weight * line[i + k - reach]
        result.append(total)
    return result


def gaussian(fwhm):
    sigma = fwhm / (2 * sqrt(2 * log(2)))
    reach = ceil(4 * sigma)
    weights = [exp(-(k**2) / (2 * sigma**2)) for k in range(-reach, reach + 1)]
    return [weight / sum(weights) for weight in weights]


def smooth(cube, fwhm, width):
    """A Gaussian along x and y, a boxcar along the channels of a nested list (channel, y, x)."""
    nz, ny, nx = len(cube), len(cube[0]), len(cube[0][0])
    result = [[list(row) for row in plane] for plane in cube]
    if fwhm:
        weights = gaussian(fwhm)
        for plane in result:
            for j in range(ny):
                plane[j] = convolve(plane[j], weights)
            for i in range(nx):
                for j, value in enumerate(convolve([plane[j][i] for j in range(ny)], weights)):
                    plane[j][i] = value
    if width:
        for j in range(ny):
            for i in range(nx):
                line = convolve([result[k][j][i] for k in range(nz)], [1 / width] * width)
                for k, value in enumerate(line):
                    result[k][j][i] = value
    return result


def noise(cube, places):
    return 1.4826 * median(-cube[k][j][i] for k, j, i in places if cube[k][j][i] < 0)


def detect(cube, kernels_xy, kernels_z, threshold, replacement):
    """Set of the detected voxels (channel, y, x) of a nested list in which None is no data."""
    places = [
        (k, j, i) for k, plane in enumerate(cube) for j, row in enumerate(plane) for i, value in enumerate(row)
        if value is not None
    ]  # fmt: skip
    data = [[[value or 0.0 for value in row] for row in plane] for plane in cube]
    level, found = noise(data, places), set()
    for fwhm in kernels_xy:
        for width in kernels_z:
            replaced = [[list(row) for row in plane] for plane in data]
            for k, j, i in found:
                replaced[k][j][i] = replacement * level if data[k][j][i] > 0 else -replacement * level
            smoothed = smooth(replaced, fwhm, width)
            limit = threshold * noise(smoothed, places)
            found |= {(k, j, i) for k, j, i in places if abs(smoothed[k][j][i]) > limit}
    return found


def friends_of_friends(voxels, radius_xy, radius_z):
    """Groups of voxels (channel, y, x), each a set, that are linked within an ellipsoid."""
    groups = []
    for k, j, i in voxels:
        joined = {(k, j, i)}
        apart = []
        for group in groups:
            near = any(
                Fraction((j - b) ** 2 + (i - a) ** 2, radius_xy**2) + Fraction((k - c) ** 2, radius_z**2) <= 1
                for c, b, a in group
            )
            if near:
                joined |= group
            else:
                apart.append(group)
        groups = [*apart, joined]
    return groups
