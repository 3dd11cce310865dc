"""The bundle of a run: all that the chain needs, and what the training cubes were like."""

from dataclasses import asdict

import numpy as np
import pytest
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.files import write_table
from cubefocus.instrument.observation import Observation
from cubefocus.jobs.bundle import Job, ranges_of, run
from cubefocus.learn.bundle import Bundle
from cubefocus.settings import DetectionSettings

OBSERVATION = {"n_channels": 16, "n_pixels": 40, "frequency_ghz": 100.0, "channel_width_mhz": 20.0,
               "alternatives": [{"cell_arcsec": 0.1}, {"cell_arcsec": 0.2, "frequency_ghz": 101.0}]}  # fmt: skip


def truth(snr, beams):
    return Table({"snr_image": np.array(snr, float)}, meta={"cubes": [{"beam_px": beam} for beam in beams]})


@pytest.fixture
def job(checkpoints, tmp_path):
    paths = [str(tmp_path / f"{number}.ecsv") for number in range(2)]
    write_table(paths[0], truth([3.0, 41.5], [[6.0, 8.0]]), {})
    write_table(paths[1], truth([12.0], [[5.5, 7.0], [6.5, 9.25]]), {})
    detection = {"blobs": {"threshold": 0.2, "split": "watershed"}}
    return {"networks": checkpoints, "detection": detection, "image_size": 32, "observation": OBSERVATION,
            "truth": paths, "bundle": str(tmp_path / "made"), "provenance": {"seed": 1}}  # fmt: skip


def test_bundle_has_every_setting_and_says_what_the_training_was_like(job):
    run(Job(**job))
    bundle = Bundle.load(job["bundle"])
    assert bundle.detection == asdict(DetectionSettings.from_mapping(job["detection"]))
    assert bundle.detection["blobs"]["split"] == "watershed"
    assert bundle.ranges == {
        "image_size": (32, None),
        "n_channels": (16, 16),
        "beam_px": (5.5, 9.25),
        "cell_arcsec": (0.1, 0.2),
        "frequency_ghz": pytest.approx((99.84, 101.14)),
        "channel_width_mhz": (20.0, 20.0),
        "snr": (None, 41.5),
    }
    assert bundle.provenance == {"seed": 1}


def test_what_is_not_known_of_the_training_is_no_range():
    ranges = ranges_of(32, [Observation(n_channels=128)], [truth([np.inf], [None])])
    assert {"snr", "beam_px"}.isdisjoint(ranges)
    assert ranges["n_channels"] == (128, 128)


@pytest.mark.parametrize("lacks", ["flux", "blobs_finder"])
def test_run_without_a_network_makes_no_bundle(job, tmp_path, lacks):
    del job["networks"][lacks]
    with pytest.raises(CubefocusError, match=f"has no trained {lacks}"):
        run(Job(**job))
    assert not (tmp_path / "made").exists()


def test_setting_out_of_its_range_makes_no_bundle(job, tmp_path):
    with pytest.raises(CubefocusError, match=r"detection\.blobs\.threshold is 3"):
        run(Job(**job | {"detection": {"blobs": {"threshold": 3.0}}}))
    assert not (tmp_path / "made").exists()
