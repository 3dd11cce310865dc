"""The network of the search by the workflow: what is planned, and what is refused."""

from __future__ import annotations

import re

import pytest
import yaml
from runs import ROOT

pytestmark = pytest.mark.workflow
GENERAL = ROOT / "experiments" / "general.yaml"
CONFIG = yaml.safe_load(GENERAL.read_text())


def jobs(output: str) -> dict[str, int]:
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", output, re.MULTILINE)}


def test_every_set_up_is_measured_and_the_bundle_follows_from_the_comparison(snakemake, tmp_path):
    done = snakemake(tmp_path, "--dry-run", overlays=(GENERAL,))
    assert done.returncode == 0, done.stdout
    train, heldout = len(CONFIG["train"]), len(CONFIG["heldout"])
    expected = {"response": train + heldout, "train_proposer": 1, "heldout_cubes": 3 * heldout, "propose": 3 * heldout}
    expected |= dict.fromkeys(("calibrate", "compare_proposers", "bundle_proposer", "record_config", "all"), 1)
    assert jobs(done.stdout) == expected | {"total": sum(expected.values())}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"train": []}, "train is []: give one observing set-up at least"),
        ({"heldout": CONFIG["train"][:1]}, "heldout[0] is one of train too: give set-ups that the network does not"),
        ({"train": [{"array": "vla.a"}, {"array": "vla.a"}]}, "train[1] is the same as one before it"),
        ({"train": [{"array": "vla.a", "integration_s": 1e5}]}, "train[0].integration_s is 100000.0, longer than"),
        ({"train": [{"arry": "vla.a"}]}, "arry"),
        ({"draws": {"types": dict.fromkeys(("gaussian", "point", "disc", "absorption", "diffuse"), 0.0)}},
         "draws.types is"),
        ({"draws": {"snr": [9.0, 3.0]}}, "draws.snr is [9.0, 3.0]: lo is above hi"),
        ({"draws": {"image_size": 40}}, "draws.image_size is 40"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_one_clear_line(snakemake, tmp_path, values, said):
    (tmp_path / "change.yaml").write_text(yaml.safe_dump(values))
    done = snakemake(tmp_path, "--dry-run", overlays=(GENERAL, tmp_path / "change.yaml"))
    assert done.returncode != 0
    assert said in done.stdout
    assert "Traceback" not in done.stdout
