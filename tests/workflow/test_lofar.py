"""The denoising study by the workflow: what is planned."""

from __future__ import annotations

import re
import shutil

import pytest
import yaml
from runs import ENVIRONMENT, ROOT

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
    expected |= dict.fromkeys((*single, "bundle_denoiser", "sweep_tables"), 1) | {
        "sweep": len(config["sweep"]["datasets"])
    }
    assert jobs(done.stdout) == expected | {"total": sum(expected.values())}
    if config["sky"]["boxes"] > 1:
        trained, tested = (boxes_of(done.stdout, split) for split in ("train", "test"))
        assert not trained & tested  # the same cluster from another side would be no unseen sky
        assert len(trained | tested) == config["sky"]["boxes"]


def boxes_of(output: str, split: str) -> set[str]:
    """Boxes that the planned skies of a split are cut out of."""
    inputs = re.findall(rf"^rule skies:\n    input: (.*)\n    output: \S+/skies/{split}/", output, re.MULTILINE)
    return set(re.findall(r"boxes/(\d+)\.h5", " ".join(inputs)))


def test_without_datasets_there_is_no_sweep(snakemake, tmp_path):
    (tmp_path / "none.yaml").write_text("sweep: {datasets: []}\n")
    planned = jobs(snakemake(tmp_path, "--dry-run", overlays=(EXPERIMENTS[1], tmp_path / "none.yaml")).stdout)
    assert planned["train_denoiser"] == 6
    assert not {"sweep", "sweep_tables"} & {*planned}


def test_ranks_share_the_trials(snakemake, tmp_path):
    """One of them hands them out: cores, GPUs and memory are those of the others."""
    (tmp_path / "ranks.yaml").write_text("sweep: {ranks: 4}\n")
    arguments = ("--dry-run", "--cores", "8", "--until", "sweep")
    done = snakemake(tmp_path, *arguments, overlays=(EXPERIMENTS[1], tmp_path / "ranks.yaml"))
    (text,) = re.findall(r"^rule sweep:\n(?:    .*\n)+", done.stdout, re.MULTILINE)
    assert "threads: 3" in text
    needs = dict(re.findall(r"(\w+)=(\d+)", text))
    assert (needs["tasks"], needs["gpu"]) == ("4", "3")
    assert int(needs["mem_mb"]) == 3 * int(needs["mem_mb_per_cpu"])


@pytest.mark.parametrize(
    "values",
    [{"datasets": ["identity"]}, {"networks": ["autoencoder"]}],
    ids=["of the sky alone", "without the residual network"],
)
def test_a_run_without_a_network_to_denoise_with_makes_no_bundle(snakemake, tmp_path, values):
    (tmp_path / "change.yaml").write_text(yaml.safe_dump(values))
    done = snakemake(tmp_path, "--dry-run", overlays=(EXPERIMENTS[1], tmp_path / "change.yaml"))
    assert done.returncode == 0, done.stdout
    assert "denoised_table" in jobs(done.stdout)
    assert "bundle_denoiser" not in jobs(done.stdout)


def test_a_run_without_wsclean_says_so_when_it_begins(snakemake, tmp_path, monkeypatch):
    (tmp_path / "change.yaml").write_text(yaml.safe_dump({"datasets": ["noise", "clean"]}))
    overlays, said = (
        (EXPERIMENTS[1], tmp_path / "change.yaml"),
        "apt-get install wsclean, or take 'clean' out of datasets",
    )
    (tmp_path / "bin").mkdir()
    for name in ("which", "bash", "sh"):  # what Snakemake itself looks for
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    monkeypatch.setitem(ENVIRONMENT, "PATH", str(tmp_path / "bin"))
    for times in (1, 0):
        done = snakemake(tmp_path, "--dry-run", overlays=overlays)
        assert done.returncode == 0, done.stdout
        assert done.stdout.count(said) == times
        (tmp_path / "bin" / "wsclean").touch(mode=0o755)
