"""Images a second in the training of Blobs Finder at the paper's size, beside a plain loop of PyTorch.

    python benchmarks/training.py [--repeats 5] [--images 64] [--threads 2] [--device cuda]

Each way to train has a process of its own, because one of them changes how memory is given back; they take turns.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

import numpy as np
import torch
from common import Timing, alternate, machine, write_results
from scene import PAPER
from torch import Tensor, nn

from cubefocus.learn.augment import N_RANDOM
from cubefocus.learn.checkpoint import build
from cubefocus.learn.distributed import World
from cubefocus.learn.loop import Problem, train_epoch
from cubefocus.learn.memory import kept_memory
from cubefocus.learn.state import begin
from cubefocus.learn.store import Store
from cubefocus.learn.task import make_task
from cubefocus.networks.blobs_finder import AdditiveUpsampling
from cubefocus.settings import TrainingSettings

BATCH_SIZE, WARMUP = 16, 2  # the first epochs lay out the memory
PLAIN, LAST, OURS = "plain loop", "plain loop, channels last", "cubefocus"
WEIGHTS = (0.5, 0.5)  # of L1 and DSSIM, as in the middle of a training
NOTE = (
    f"Blobs Finder of the paper (33.7 million parameters), images of 256 x 256, {BATCH_SIZE} a batch, turned by any "
    "angle. Images a second of the rounds: median, slowest, fastest. Ratios are to the plain loop of the same round: "
    "median, smallest and largest, in wall-clock time and in the processors' time, which others' load moves least. "
    "The plain loop has PyTorch's layers and defaults, and augmentation and loss of cubefocus; cubefocus runs "
    "`train_epoch` of `cubefocus/learn/loop.py`. Both have the same parameters and the same mathematics."
)


def products(images: int) -> dict[str, np.ndarray]:
    """Random images, of which the time does not depend."""
    rng, side = np.random.default_rng(1), PAPER["observation"]["n_pixels"]
    return {key: rng.random((images, side, side), dtype=np.float32) for key in ("images/dirty", "images/sky")}


def printed_upsampling(block: AdditiveUpsampling, maps: Tensor) -> Tensor:
    """MNRAS Fig. 4 as anyone would write it."""
    return block.refine(block.mix(torch.cat([block.interpolated(maps), block.learned(maps)], dim=1)))


def with_plain_layers(network: nn.Module) -> nn.Module:
    """Let every layer be PyTorch's."""
    for module in network.modules():
        if isinstance(module, AdditiveUpsampling):
            module.forward = partial(printed_upsampling, module)  # type: ignore[method-assign]
        elif isinstance(module, nn.Conv2d):
            module.forward = partial(nn.Conv2d.forward, module)  # type: ignore[method-assign]
    return network


def plain_epoch(images: int, device: torch.device, memory_format: torch.memory_format) -> Callable[[], Any]:
    """Epoch of a plain loop."""
    task, data = make_task("blobs_finder", PAPER["models"]), products(images)
    network = with_plain_layers(build(task.network, task.arguments(data)))
    network.to(device, memory_format=memory_format).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
    arrays = {key: torch.from_numpy(data[key]).to(device) for key in task.keys}

    def epoch() -> None:
        for rows in torch.randperm(images, device=device).split(BATCH_SIZE):
            batch = {key: array[rows] for key, array in arrays.items()}
            inputs, targets = task.batch(batch, {}, "rotate", torch.rand(len(rows), N_RANDOM, device=device))
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                output = network(inputs.contiguous(memory_format=memory_format))
            loss = task.loss((output.float(),), targets, WEIGHTS, "gaussian")
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return epoch


def our_epoch(images: int, device: torch.device) -> Callable[[], Any]:
    """Epoch of cubefocus."""
    task, data = make_task("blobs_finder", PAPER["models"]), products(images)
    settings = TrainingSettings(epochs=3, batch_size=BATCH_SIZE, augment="rotate")
    training = begin(task, data, settings, None, 1, device, None)
    training.epoch = 1  # the weights of L1 and DSSIM are then `WEIGHTS`
    store = Store(data, task.keys, device, "training set")
    problem = Problem(task, store, store, settings, World(0, 1, device))
    return lambda: train_epoch(problem, training, training.model)


def serve(name: str, options: argparse.Namespace, pipe: Connection) -> None:
    """What a process does: an epoch for each message."""
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    if name == OURS:
        with kept_memory():
            answer(our_epoch(options.images, device), device, pipe)
    else:
        memory_format = torch.channels_last if name == LAST else torch.contiguous_format
        answer(plain_epoch(options.images, device, memory_format), device, pipe)


def answer(epoch: Callable[[], Any], device: torch.device, pipe: Connection) -> None:
    """Run an epoch whenever asked, until told to stop."""
    while pipe.recv():
        start = time.process_time()
        epoch()
        if device.type == "cuda":
            torch.cuda.synchronize()
        pipe.send(time.process_time() - start)


@contextmanager
def process(name: str, options: argparse.Namespace, cpu: list[float]) -> Iterator[Callable[[], Any]]:
    """Process of one way to train; gives the function that makes it run an epoch and notes its CPU time."""
    here, there = multiprocessing.Pipe()
    worker = multiprocessing.get_context("spawn").Process(target=serve, args=(name, options, there))
    worker.start()
    there.close()

    def epoch() -> None:
        here.send(True)
        cpu.append(here.recv())

    yield epoch
    here.send(False)
    worker.join()


def row(name: str, times: dict[str, Timing], cpu: dict[str, list[float]], images: int) -> dict[str, Any]:
    """One row of the table."""
    fastest, slowest = times[name].spread
    return {
        "training": name,
        "images/s": images / times[name].median,
        "slowest": images / slowest,
        "fastest": images / fastest,
        "ratio": ratio(times[PLAIN].seconds, times[name].seconds),
        "ratio of CPU time": ratio(cpu[PLAIN], cpu[name]),
    }


def ratio(plain: list[float], own: list[float]) -> str:
    """Median, smallest and largest of the rounds."""
    ratios = [one / other for one, other in zip(plain, own, strict=True)]
    return f"{median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"


def main() -> None:
    """Measure, and write ``results/training.md`` and ``.csv``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2, help="of torch, on the CPU")
    parser.add_argument("--repeats", type=int, default=5, help="rounds that are timed")
    parser.add_argument("--images", type=int, default=64, help="of an epoch")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cpu: dict[str, list[float]] = {name: [] for name in (PLAIN, LAST, OURS)}
    with ExitStack() as stack:
        epochs = {name: stack.enter_context(process(name, options, cpu[name])) for name in cpu}
        times = alternate(epochs, options.repeats, warmup=WARMUP)
    cpu = {name: seconds[WARMUP:] for name, seconds in cpu.items()}
    facts = machine(options.device)
    write_results("training", "Training", [row(name, times, cpu, options.images) for name in cpu], facts, [NOTE])


if __name__ == "__main__":
    main()
