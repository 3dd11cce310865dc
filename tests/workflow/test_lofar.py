"""The denoising study by the workflow: what is planned."""

from __future__ import annotations

import re

import pytest
import yaml
from runs import ROOT

pytestmark = pytest.mark.workflow
EXPERIMENTS = [ROOT / "experiments" / f"{name}.yaml" for name in ("lofar", "lofar-tiny")]


def jobs(output: str) -> dict[str, int]:
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", output, re.MULTILINE)}


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_each_network_learns_from_each_dataset(snakemake, tmp_path, path):
    done = snakemake(tmp_path, "--dry-run", overlays=(path,))
    assert done.returncode == 0, done.stdout
    config = yaml.safe_load(path.read_text())
    datasets, images = len(config["datasets"]), config["images"]
    batches = {split: -(-images[split] // images["batch_size"]) for split in ("train", "validation", "test")}
    expected = {"box": config["sky"]["boxes"], "skies": sum(batches.values()), "train_denoiser": 2 * datasets}
    transfers = 2 * sum("noise" in config["datasets"] for one in ("dirty", "clean") if one in config["datasets"])
    expected |= {"observe": (datasets - 1) * sum(batches.values())}
    expected |= {"denoise": (2 * datasets + transfers) * batches["test"], "seams": 2 * datasets}
    expected |= {"score_denoised": datasets * batches["test"], "denoised_maps": datasets}
    single = ("denoised_table", "denoised_times", "denoised_curves", "denoised_overview", "record_config", "all")
    expected |= dict.fromkeys(single, 1)
    assert jobs(done.stdout) == expected | {"total": sum(expected.values())}
