"""Batches: whole or resumable, one failure alone, noise of each cube its own. The observation is a plain smoothing."""

import errno
import pickle
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cubefocus.alma import batch, cube_task
from cubefocus.alma.training_products import join_products, true_products
from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import read_cube
from cubefocus.engines.casa import CasaError
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table
from cubefocus.instrument.noise import central_peak
from cubefocus.instrument.observation import Observation
from cubefocus.sky.catalogue import draw_catalogue, select
from cubefocus.sky.model import sky_of

SETUP = Observation(n_pixels=48, n_channels=12, cell_arcsec=0.1)
SKY = {
    "n_sources": [1, 2], "amplitude": [1, 5], "sigma": [1.5, 2.5], "pa": [0, 90], "spectral_index": [-2, 2],
    "position": [10, 38], "line_amplitude": [1, 5], "line_centre": [3, 9], "line_fwhm": [2, 3], "separation": 6,
    "types": {"gaussian": 1.0}, "empty_fraction": 0.0, "box_level": 0.15, "box_reference": "image",
}  # fmt: skip
BOX = {"box_level": 0.15, "box_reference": "image"}
WHITE = {"thermal": False, "snr": [10, 30]}
BEAM_PX = 3.0


def smooth(sky):
    """Dirty cube of a Gaussian beam without sidelobes, Jy/beam."""
    return gaussian_filter(sky, (0, BEAM_PX, BEAM_PX)) * np.float32(2 * np.pi * BEAM_PX**2)


class Telescope:
    """Stands for CASA: remembers what it observed, and breaks on the cubes that it is told to."""

    def __init__(self):
        self.observed, self.broken, self.lock = [], set(), threading.Lock()

    def __call__(self, sky, observation, noise, seed, log, scratch, *, name):
        with self.lock:
            self.observed.append(name)
        if name in self.broken:
            log.write_text("it broke")
            raise CasaError(f"{name}: CASA failed: broken; see {log}")
        header = observation.header(unit="Jy/beam")
        header["BMAJ"] = header["BMIN"] = 2.35482 * BEAM_PX * observation.cell_arcsec / 3600
        data = smooth(sky)
        if noise == "thermal":
            data = data + 1e-4 * np.random.default_rng(seed).standard_normal(data.shape)
        return Cube(data.astype(np.float32), header)


@pytest.fixture
def telescope(monkeypatch):
    telescope = Telescope()
    monkeypatch.setattr(cube_task, "observe", telescope)
    return telescope


def catalogue(n_cubes=4, **changes):
    return draw_catalogue({**SKY, **changes}, 12, {"train": n_cubes}, (10.0, 30.0), 7, n_pixels=48)


def make(rows, out, noise=WHITE, **options):
    return batch.simulate_batch(rows, SETUP, noise, BOX, out, **options)


def test_batch_holds_cubes_and_truth_of_its_part_of_the_catalogue(telescope, tmp_path):
    rows = select(catalogue(), [1, 3])
    out = make(rows, tmp_path / "000", workers=2, facts={"seed": 7})
    assert out == tmp_path / "000"
    cubes = {f"00000{i}.{kind}.fits" for i in (1, 3) for kind in ("dirty", "sky")}
    assert {path.name for path in out.iterdir()} == cubes | {"truth.ecsv", "recipe.json"}
    truth = read_table(out / "truth.ecsv")
    assert list(zip(truth["cube_id"], truth["source_id"], strict=True)) == list(
        zip(rows["cube_id"], rows["source_id"], strict=True)
    )
    sky, dirty = (read_cube(out / f"000003.{kind}.fits") for kind in ("sky", "dirty"))
    assert sky.header["BUNIT"] == "Jy/pixel"
    assert dirty.header["BUNIT"] == "Jy/beam"
    assert '"seed": 7' in dirty.header["PROVENAN"]
    assert sky.data.max() == pytest.approx(SETUP.inbright)
    assert not (tmp_path / "000.partial").exists()


def test_central_source_has_its_target_snr(telescope, tmp_path):
    out = make(catalogue(), tmp_path / "000", {"thermal": True, "snr": [10, 30]})
    for cube in read_table(out / "truth.ecsv").meta["cubes"]:
        sky, dirty = (read_cube(out / f"{cube['cube_id']:06d}.{kind}.fits").data for kind in ("sky", "dirty"))
        clean = smooth(sky)
        noise = (dirty - clean).sum(axis=0).std()
        assert central_peak(clean, 24, 24) / noise == pytest.approx(cube["snr_target"], rel=0.1)
        assert cube["snr_image"] == pytest.approx(cube["snr_target"])
        assert cube["thermal_rms"] == pytest.approx(1e-4, rel=0.15)


def test_unreachable_target_is_recorded_as_reached(telescope, tmp_path):
    rows = catalogue(1)
    rows["snr_target"] = 1e6
    out = make(rows, tmp_path / "000", {"thermal": True, "snr": [10, 30]})
    cube = read_table(out / "truth.ecsv").meta["cubes"][0]
    assert cube["white_rms"] == 0.0
    assert 10 < cube["snr_image"] < 1e6


def test_noise_of_two_cubes_is_uncorrelated(telescope, tmp_path):
    out = make(catalogue(2), tmp_path / "000")
    rest = [
        (read_cube(out / f"00000{i}.dirty.fits").data - smooth(read_cube(out / f"00000{i}.sky.fits").data)).ravel()
        for i in (0, 1)
    ]
    assert min(part.std() for part in rest) > 0
    assert abs(np.corrcoef(*rest)[0, 1]) < 5 / np.sqrt(rest[0].size)


def test_same_recipe_gives_the_same_bytes(telescope, tmp_path):
    one, two = (make(catalogue(2), tmp_path / name, workers=workers, cut=CUT) for name, workers in (("a", 1), ("b", 2)))
    for path in one.iterdir():
        assert path.read_bytes() == (two / path.name).read_bytes(), path.name


CUT = {"size": 32, "dilation": 1.5}


def test_products_are_those_of_the_cubes_that_are_kept(telescope, tmp_path):
    out = make(catalogue(3), tmp_path / "000", workers=2, cut=CUT)
    products = join_products([out / "products.h5"])
    truth = read_table(out / "truth.ecsv")
    assert products["images/cube_id"].tolist() == [0, 1, 2]
    assert products["index/cube_id"].tolist() == truth["cube_id"].tolist()
    for cube_id in range(3):
        sky, dirty = (read_cube(out / f"{cube_id:06d}.{kind}.fits").data for kind in ("sky", "dirty"))
        again = true_products(dirty, sky, truth[truth["cube_id"] == cube_id], **CUT)
        mine = products["index/cube_id"] == cube_id
        assert np.array_equal(products["images/sky"][cube_id], again["images/sky"][0])
        assert np.array_equal(products["line_images"][mine], again["line_images"])


def test_compressed_cubes_hold_the_same_sources_in_less_room(telescope, tmp_path):
    whole, small = (
        make(catalogue(2), tmp_path / name, cut=CUT, compress=name == "small") for name in ("whole", "small")
    )
    assert {path.name for path in whole.iterdir()} - {path.name for path in small.iterdir()} == {
        "000000.sky.fits",
        "000001.sky.fits",
    }
    for name in ("000000.dirty.fits", "000001.dirty.fits"):
        one, two = read_cube(whole / name), read_cube(small / name)
        noise = read_table(whole / "truth.ecsv").meta["cubes"][int(name[5])]["white_rms"]
        lost = two.data - one.data
        assert (small / name).stat().st_size < 0.6 * (whole / name).stat().st_size
        assert 0 < lost.std() < 0.06 * noise
        assert abs(lost.mean()) < 5 * lost.std() / np.sqrt(lost.size)
        assert two.header["BMAJ"] == one.header["BMAJ"]
        assert np.array_equal(two.frequencies_hz, one.frequencies_hz)
    for key, value in join_products([whole / "products.h5"]).items():
        assert np.array_equal(value, join_products([small / "products.h5"])[key])


def test_sky_is_made_again_from_the_truth_table(telescope, tmp_path):
    out = make(catalogue(2), tmp_path / "000")
    truth = read_table(out / "truth.ecsv")
    for cube_id in (0, 1):
        kept = read_cube(out / f"{cube_id:06d}.sky.fits").data
        assert np.array_equal(sky_of(truth, cube_id, [SETUP]), kept)
    with pytest.raises(CubefocusError, match="no cube 7"):
        sky_of(truth, 7, [SETUP])


def test_one_failure_stops_no_other_and_the_next_run_makes_what_is_missing(telescope, tmp_path):
    telescope.broken = {"cube 1"}
    with pytest.raises(CasaError, match="1 of 4 cubes failed") as caught:
        make(catalogue(), tmp_path / "000", workers=2)
    log = tmp_path / "000.partial" / "000001.casa.log"
    assert f"cube 1: CASA failed: broken; see {log}" in str(caught.value)
    assert log.read_text() == "it broke"
    assert not (tmp_path / "000").exists()
    assert sorted(telescope.observed) == [f"cube {i}" for i in range(4)]

    telescope.broken, telescope.observed = set(), []
    out = make(catalogue(), tmp_path / "000")
    assert telescope.observed == ["cube 1"]
    assert sorted(set(read_table(out / "truth.ecsv")["cube_id"])) == [0, 1, 2, 3]
    assert not list(out.glob("*.log"))


def test_error_of_another_kind_is_told_with_its_cube(telescope, tmp_path, monkeypatch):
    def full(*_):
        raise OSError("disc full")

    monkeypatch.setattr(cube_task, "write_cube", full)
    with pytest.raises(CasaError, match=r"cube 0: OSError: disc full"):
        make(catalogue(1), tmp_path / "000")


def test_finished_batch_is_not_made_again_nor_taken_for_another(telescope, tmp_path):
    out = make(catalogue(1), tmp_path / "000")
    telescope.observed = []
    assert make(catalogue(1), tmp_path / "000") == out
    assert telescope.observed == []
    with pytest.raises(CubefocusError, match="another recipe"):
        make(catalogue(2), tmp_path / "000")


def test_cubes_of_other_code_are_not_used(telescope, tmp_path):
    """A batch that was killed and goes on after an edit must not mix cubes of old and new code."""
    telescope.broken = {"cube 1"}
    with pytest.raises(CasaError):
        make(catalogue(2), tmp_path / "000", code="before")
    telescope.broken, telescope.observed = set(), []
    make(catalogue(2), tmp_path / "000", code="after")
    assert sorted(telescope.observed) == ["cube 0", "cube 1"]


def test_a_full_disk_in_the_copies_costs_no_cube(telescope, tmp_path, monkeypatch):
    copies = {"truth.ecsv": tmp_path / "truth" / "000.ecsv", "products.h5": tmp_path / "products" / "000.h5"}

    def full(source, target):
        if target.name.endswith("000.h5"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(source, target)

    real = shutil.copyfile
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        with pytest.raises(CubefocusError, match=r"000\.h5: cannot be written, the disk is full; make room"):
            make(catalogue(2), tmp_path / "000", cut=CUT, copies=copies)
    assert not (tmp_path / "000").exists(), "Snakemake removes the outputs of a failed job"
    made = {path.name: path.stat().st_ino for path in (tmp_path / "000.partial").glob("*.dirty.fits")}
    assert len(made) == 2
    telescope.observed = []
    out = make(catalogue(2), tmp_path / "000", cut=CUT, copies=copies)
    assert telescope.observed == [], "no cube is made again"
    assert {name: (out / name).stat().st_ino for name in made} == made
    assert all(path.read_bytes() == (out / name).read_bytes() for name, path in copies.items())
    for path in copies.values():
        path.unlink()
    make(catalogue(2), tmp_path / "000", cut=CUT, copies=copies)
    assert all(path.is_file() for path in copies.values()), "they are made of a finished batch, too"


def test_leftovers_of_another_recipe_are_not_used(telescope, tmp_path):
    telescope.broken = {"cube 1"}
    with pytest.raises(CasaError):
        make(catalogue(2), tmp_path / "000")
    telescope.broken, telescope.observed = set(), []
    out = make(catalogue(2), tmp_path / "000", {"thermal": True, "snr": [10, 30]})
    assert sorted(telescope.observed) == ["cube 0", "cube 1"]
    assert min(cube["thermal_rms"] for cube in read_table(out / "truth.ecsv").meta["cubes"]) > 0


def test_half_written_files_of_a_killed_run_do_not_reach_the_batch(telescope, tmp_path):
    telescope.broken = {"cube 1"}
    with pytest.raises(CasaError):
        make(catalogue(2), tmp_path / "000")
    (tmp_path / "000.partial" / ".4711.000001.dirty.fits").write_text("half of a cube")
    telescope.broken = set()
    out = make(catalogue(2), tmp_path / "000")
    assert sorted(path.name for path in out.glob("*.dirty.fits")) == ["000000.dirty.fits", "000001.dirty.fits"]


@pytest.mark.parametrize("n_cubes", [1, 8])
def test_empty_fields_have_noise_like_the_others(telescope, tmp_path, n_cubes):
    rows = catalogue(n_cubes, empty_fraction=1.0 if n_cubes == 1 else 0.5)
    out = make(rows, tmp_path / "000")
    truth = read_table(out / "truth.ecsv")
    cubes = {cube["cube_id"]: cube for cube in truth.meta["cubes"]}
    assert sorted(cubes) == list(range(n_cubes))
    empty = [cube for cube in rows.meta["cubes"]]
    assert empty
    for cube in empty:
        data = read_cube(out / f"{cube['cube_id']:06d}.dirty.fits").data
        assert data.std() == pytest.approx(cubes[cube["cube_id"]]["white_rms"], rel=0.05)
        assert cubes[cube["cube_id"]]["snr_image"] is None
    levels = [cube["white_rms"] * cube["snr_target"] for cube in cubes.values()]
    assert max(levels) < 20 * min(levels)


def test_no_target_adds_no_white_noise(telescope, tmp_path):
    out = make(catalogue(1), tmp_path / "000", {"thermal": False, "snr": None})
    sky, dirty = (read_cube(out / f"000000.{kind}.fits").data for kind in ("sky", "dirty"))
    assert np.allclose(dirty, smooth(sky))


def test_workers_below_one_are_refused(telescope, tmp_path):
    with pytest.raises(CubefocusError, match="workers is 0"):
        make(catalogue(1), tmp_path / "000", workers=0)


class Courier(ThreadPoolExecutor):
    """Takes tasks the way that ranks on other nodes get them: pickled."""

    def submit(self, function, /, *arguments):
        return super().submit(*pickle.loads(pickle.dumps((function, *arguments))))


def test_tasks_can_be_sent_away(telescope, tmp_path):
    with Courier(2) as executor:
        out = make(catalogue(2), tmp_path / "sent", executor=executor)
    here = make(catalogue(2), tmp_path / "here")
    assert all(path.read_bytes() == (here / path.name).read_bytes() for path in out.iterdir())
