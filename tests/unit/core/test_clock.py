"""What a stage cost is counted whole, added up, and read back as it was written."""

import json
import mmap
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cubefocus.errors import CubefocusError
from cubefocus.provenance import processor
from cubefocus.timing import Clock, Cost

MB = 10**6
# Takes so many MB, works on them, and says how long; then it stays until its input is closed.
WORK = """
import sys, time
memory = b"1" * (int(sys.argv[1]) * 10**6)
while time.process_time() < 0.3:
    sum(memory[:100_000])
print(time.process_time(), flush=True)
sys.stdin.read()
"""
linux = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux knows the peak of a stage")


def start(megabytes: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORK, str(megabytes)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> None:
    process.stdin.close()
    process.stdout.close()
    process.wait()


def test_a_stage_adds_up_and_keeps_its_place():
    clock = Clock()
    for cubes in (2, 3):
        with clock.stage("reading", cubes):
            pass
        with clock.stage("search", 1, "all points"):
            pass
    assert list(clock.stages) == ["reading", "search"]
    assert [cost.cubes for cost in clock.stages.values()] == [5, 2]
    assert clock.stages["search"].note == "all points"
    assert clock.stages["reading"].peak_mb > 1
    (machine,) = clock.machines
    assert machine.startswith(processor())
    assert machine.endswith(" cores")


def test_what_raises_is_not_counted():
    clock = Clock()
    with pytest.raises(CubefocusError), clock.stage("search", 1):
        raise CubefocusError("no cube")
    assert clock.stages == {}


@linux
@pytest.mark.parametrize("ends", [True, False])
def test_processes_count_whether_they_have_ended_or_not(ends):
    clock = Clock()
    with clock.stage("before", 1):
        pass
    more = clock.stages["before"].peak_mb + 200
    with clock.stage("search", 1):
        process = start(int(more + 10))
        used = float(process.stdout.readline())
        if ends:
            finish(process)
    with clock.stage("after", 1):
        pass
    if not ends:
        finish(process)
    search, after = clock.stages["search"], clock.stages["after"]
    assert search.cpu_s >= used - 0.03  # the system counts in hundredths
    assert after.cpu_s < search.cpu_s
    assert search.peak_mb > more
    assert (after.peak_mb > more) is not ends, "what has ended holds nothing any longer"


@linux
def test_memory_is_that_of_the_stage():
    clock = Clock()
    # from the system itself: the C library may have some left
    with clock.stage("large", 1), mmap.mmap(-1, 200 * MB) as memory:
        for page in range(0, len(memory), mmap.PAGESIZE):
            memory[page] = 1
    with clock.stage("small", 1):
        pass
    assert clock.stages["large"].peak_mb - clock.stages["small"].peak_mb > 180


def test_clocks_of_several_processes_are_joined():
    plain, card = "a processor, 2 cores", "a processor, 2 cores, a GPU"
    first = Clock({"reading": Cost(2, 1.0, 2.0, 50.0)}, [plain])
    second = Clock({"reading": Cost(3, 4.0, 8.0, 40.0), "flux": Cost(3, 1.0, 1.0, 60.0, "of lines")}, [card])
    for clocks in ([first, second], [second, first]):
        joined = Clock.joined(clocks)
        assert joined.stages == {"reading": Cost(5, 5.0, 10.0, 50.0), "flux": Cost(3, 1.0, 1.0, 60.0, "of lines")}
        assert joined.machines == [card]
    assert Clock.joined([first, Clock({}, ["another"])]).machines == [plain, "another"]
    assert first.stages["reading"].cubes == 2, "those that are joined stay as they are"
    assert Clock.joined([Clock(note="not run")]) == Clock(note="not run")


def test_the_gpus_in_use_are_waited_for(monkeypatch):
    waited = []
    cuda = SimpleNamespace(
        is_initialized=lambda: True,
        device_count=lambda: 3,
        memory_reserved=lambda gpu: gpu == 1,
        synchronize=waited.append,
        get_device_name=lambda device: f"GPU {device}",
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    clock = Clock()
    with clock.stage("search", 1):
        assert waited == [1]
    assert waited == [1, 1]
    assert clock.machines[0].endswith(" cores, GPU cuda:1")


def test_round_trip(tmp_path):
    clock = Clock({"clean": Cost(8, 12.5, 20.25, 900.0, "2 at a time")}, ["a processor, 2 cores"], "a note")
    clock.write(tmp_path / "new" / "time.json")
    assert Clock.read(tmp_path / "new" / "time.json") == clock
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["time.json"]


def broken(**changes):
    cost = {"cubes": 1, "wall_s": 1.0, "cpu_s": 1.0, "peak_mb": 1.0} | changes
    return json.dumps({"stages": {"search": cost}, "machines": [], "note": ""})


@pytest.mark.parametrize(
    "text",
    [
        "",
        broken()[:40],
        "[]",
        "{}",
        broken(wall_s=-1.0),
        broken(cpu_s=float("nan")),
        broken(cubes="1"),
        broken(peak_mb=None),
        broken(speed=3.0),
        '{"stages": {"search": 3}, "machines": [], "note": ""}',
    ],
)
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "time.json").write_text(text)
    with pytest.raises(CubefocusError, match=r"time\.json: truncated or damaged times .*remove it and run again"):
        Clock.read(tmp_path / "time.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CubefocusError, match=r"time\.json: no such file"):
        Clock.read(tmp_path / "time.json")
