"""Jobs of the study ``eso`` that need neither CASA nor a library that infers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from cubefocus.denoise.skyfits import sky_header
from cubefocus.files import read_table
from cubefocus.jobs import resolve_sky
from cubefocus.jobs.components import Components
from cubefocus.jobs.components import run as make
from cubefocus.resolve.posterior import Posterior
from cubefocus.resolve.state import State
from cubefocus.resolve.visibilities import Visibilities
from cubefocus.settings.eso import CoverageSettings, EsoSettings

DIRECTION = "J2000 03h59m59.96s -34d59m59.50s"


def components(folder: Path, name: str, **values: Any) -> Components:
    given = {"settings": EsoSettings().sky.to_dict(), "coverage": {}, "size": 256, "cell_arcsec": 0.1, "number": 0}
    given |= {"direction": DIRECTION, "seed": 1, **values}
    return Components(str(folder / f"{name}.fits"), str(folder / f"{name}.ecsv"), **given)


def test_sky_of_the_config_is_written_with_its_truth(tmp_path: Path) -> None:
    settings = {"kind": "components", "components": EsoSettings().sky.to_dict()["components"][:3]}
    make(components(tmp_path, "sky", settings=settings))
    header, image = fits.getheader(tmp_path / "sky.fits"), fits.getdata(tmp_path / "sky.fits")
    truth = read_table(tmp_path / "sky.ecsv")
    assert (header["BUNIT"], header["RADESYS"], image.shape) == ("Jy/arcsec2", "FK5", (256, 256))
    assert header["CRVAL1"] == pytest.approx(59.99983333)
    assert [*truth["peak"]] == [34.11, 23.31, 16.69]
    assert image.sum() * 0.01 == pytest.approx(truth["flux"].sum(), rel=1e-3)


def test_random_skies_follow_from_seed_and_number(tmp_path: Path) -> None:
    coverage = CoverageSettings(size=128).to_dict()
    skies = {}
    for name, number in (("first", 1), ("again", 1), ("second", 2)):
        make(components(tmp_path, name, coverage=coverage, size=128, number=number))
        skies[name] = (tmp_path / f"{name}.fits").read_bytes()
    assert skies["first"] == skies["again"] != skies["second"]
    assert len(read_table(tmp_path / "second.ecsv")) == 5


def test_inference_of_so_many_rounds_keeps_its_state_and_shows_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = sky_header((32, 32), 0.1)
    Visibilities((), header, {"source": "nothing"}).save(tmp_path / "visibilities.h5")
    asked: dict[str, Any] = {}

    def infer(visibilities: Visibilities, prior: Any, inference: Any, **options: Any) -> Posterior:
        asked.update(options, rounds=inference.rounds, slope=prior.slope)
        (options["shown"] / "000.h5").write_text("a posterior")
        none = np.zeros(0)
        State(7, {}, {}, none, none, none, times=[{"round": 0, "seconds": 2.0}]).save(options["state"], "asked")
        rows = Table({"round": [1], "method": ["geovi"]})
        facts = {"verdict": "converged", "seed": options["seed"]}
        return Posterior(np.ones((2, 32, 32)), np.ones(3), np.ones((2, 3)), {}, rows, header, facts=facts)

    monkeypatch.setattr(resolve_sky, "infer", infer)
    resolve_sky.run(
        resolve_sky.ResolveSky(
            str(tmp_path / "visibilities.h5"),
            str(tmp_path / "posterior.h5"),
            str(tmp_path / "state"),
            str(tmp_path / "rounds"),
            str(tmp_path / "times.ecsv"),
            {"slope": [-3.0, 0.5]},
            {"rounds": 30},
            rounds=7,
            seed=1002,
            provenance={"experiment": "eso", "packages": {"numpy": "2"}},
        )
    )
    assert (asked["rounds"], asked["seed"], asked["slope"]) == (7, 1002, (-3.0, 0.5))
    assert [*read_table(tmp_path / "times.ecsv")["seconds"]] == [2.0]
    assert [path.name for path in (tmp_path / "rounds").iterdir()] == ["000.h5"]
    facts = Posterior.load(tmp_path / "posterior.h5").facts
    assert (facts["verdict"], facts["seed"], facts["experiment"]) == ("converged", 1002, "eso")
