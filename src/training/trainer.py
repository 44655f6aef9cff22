# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""A training: its stages in order, and exact resuming."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mindspore as ms

from src.datasets.loader import TrainLoader
from src.errors import UserError
from src.method import Method, Sample, Stage
from src.training import checkpoints
from src.training.device import set_up_device
from src.training.logs import RunLog
from src.training.schedule import check_decay, learning_rates
from src.training.stage_loop import StageLoop, open_validation
from src.training.start import Start, load_needed, load_start
from src.training.step import TrainStep

# Settings that may change between a run and its resuming without changing a weight.
_FREE_TO_CHANGE = {"resume", "max_steps", "num_parallel_workers", "log_every", "save_every", "eval_every",
                   "eval_limit", "picture_every", "profile", "config_path", "preset", "device_id", "data_url",
                   "train_url"}


def train(method: Method) -> None:
    """Train the stages that the settings name; see `train.py`.

    Raises:
        UserError: data, checkpoint or settings are wrong, or the loss stopped being a number.
    """
    rank, ranks = set_up_device(method.settings, distributed=True)
    Trainer(method, rank, ranks).run()


class Trainer:
    """One training run.

    Args:
        method: the method with its settings.
        rank: number of this process; rank 0 alone logs, validates and saves.
        ranks: number of processes.
    """

    def __init__(self, method: Method, rank: int = 0, ranks: int = 1):
        self.method = method
        self.settings = method.settings
        check_decay(self.settings)
        self.rank = rank
        self.ranks = ranks
        self.folder = Path(self.settings.train_url)
        self.last = self.folder / "Ckpt" / "last.ckpt"
        self.stage_names = self._chosen_stages()
        self.networks = method.build_networks()
        for name, network in self.networks.items():
            network.update_parameters_name(f"{name}.")  # unique names where several nets train in one graph
            if self.settings.amp_level == "O2":
                _to_float16(network)
        self.trained: set[str] = set()
        self.best: dict[str, float] = {}
        self.log: RunLog | None = None
        self.validation_samples: Sequence[Sample] | None = None

    def _chosen_stages(self) -> tuple[str, ...]:
        names = self.method.stage_names
        unknown = [name for name in self.settings.stages if name not in names]
        if unknown:
            raise UserError(f"--stages {','.join(unknown)} is not known: "
                            f"{self.method.name} has {', '.join(names)}")
        return tuple(name for name in names if name in self.settings.stages) or names

    def run(self) -> None:
        """Train all chosen stages."""
        stored, progress = checkpoints.read_state(self.last) if self.settings.resume else ({}, {})
        done = tuple(progress.get("done", ()))
        self.best = progress.get("best", {})
        loaders = {name: self._open(name) for name in self.stage_names if name not in done}
        stages = {name: self.method.build_stage(name, self.networks) for name in loaders}
        if progress:
            self._compare(progress, loaders)
        # the stored weights win over those that the run began with
        start = Start(set(progress["trained"])) if progress else load_start(self.settings, self.networks)
        load_needed(self.method, self.networks, stages.values(), start)
        self.trained = set(start.whole)
        if self.rank == 0:
            self.validation_samples, why_none = open_validation(self.method, stages.values())
            start.notes.extend(why_none)
            # a mistake up to here must not overwrite an earlier training's records
            self._start_log({name: progress["step"] if name == progress.get("stage") else 0
                             for name in stages})
        try:
            for note in start.notes if self.log else []:
                self.log.say(note)
            for name, stage in stages.items():
                resumed = progress if progress.get("stage") == name else {}
                self._train_stage(stage, loaders[name], done, stored if resumed else {}, resumed)
                done = (*done, name)
        finally:
            if self.log:
                self.log.close()

    def _start_log(self, first_steps: dict[str, int]) -> None:
        self.log = RunLog(self.folder, first_steps)
        if not self.settings.resume:
            self.last.unlink(missing_ok=True)  # of an earlier training, which --resume must not continue
        for folder in (self.folder, self.folder / "Ckpt"):  # the second goes along when checkpoints move
            self.settings.replace(resume=False).write(folder / "config.yaml")

    def _compare(self, progress: dict, loaders: dict[str, TrainLoader]) -> None:
        """Refuse to resume under settings, data or ranks that would make another training of it."""
        before, now = progress["settings"], self.settings.plain()
        changed = [f"{name} {before[name]} -> {now[name]}" for name in now
                   if name in before and before[name] != now[name] and name not in _FREE_TO_CHANGE]
        if progress["ranks"] != self.ranks:
            changed.append(f"processes {progress['ranks']} -> {self.ranks}")
        loader = loaders.get(progress["stage"])
        if loader and progress["samples"] != len(loader.samples):
            changed.append(f"training samples {progress['samples']} -> {len(loader.samples)}")
        if changed:
            raise UserError(f"--resume needs the settings of the run in {self.folder}; changed: "
                            f"{'; '.join(changed)}. Use them again, or start anew with --pre_trained")

    def _open(self, stage: str) -> TrainLoader:
        s = self.settings
        return TrainLoader(self.method.train_samples(stage), s.batch_size, s.seed, s.num_parallel_workers,
                           self.rank, self.ranks)

    def _train_stage(self, stage: Stage, loader: TrainLoader, done: tuple[str, ...], stored: dict,
                     progress: dict) -> None:
        s = self.settings.replace(**stage.overrides)
        steps_per_epoch = max(1, loader.batches_per_epoch // s.accumulate_steps)
        for net, network in self.networks.items():
            for parameter in network.get_parameters():
                parameter.requires_grad = net in stage.trained and _learns(parameter)
        total = stage.steps or stage.epochs * steps_per_epoch
        total = min(total, s.max_steps) if s.max_steps else total
        self._check_length(stage, s.lr_schedule, total, progress)
        rates = learning_rates(stage.learning_rate, total, s, steps_per_epoch)
        step = TrainStep(stage, self.networks, s, rates, self.ranks)
        if stored:
            checkpoints.restore({**self.network_parameters(), **step.state()}, stored, self.last)
        StageLoop(self, stage, step, loader, rates, done).run(progress.get("step", 0))
        # the averages are what is saved as final, so later stages build on them
        step.put({average_of: average.asnumpy() for average_of, average in step.averaged().items()})
        self.trained |= {*stage.trained, *stage.needs}

    @staticmethod
    def _check_length(stage: Stage, lr_schedule: str, total: int, progress: dict) -> None:
        """Refuse to resume with a length that the steps already made contradict."""
        if not progress or progress["total"] == total:
            return
        if progress["step"] > total:
            raise UserError(f"the {stage.title} has already made {progress['step']} steps, more than "
                            f"{total}; give a larger --max_steps")
        if lr_schedule == "cosine":
            raise UserError(f"the cosine schedule of the {stage.title} was laid out for {progress['total']} "
                            f"steps, not {total}; resume with the same length")

    def network_parameters(self) -> dict:
        """Return the parameters of all networks by their full names."""
        return {p.name: p for network in self.networks.values() for p in network.get_parameters()}


def _learns(parameter: ms.Parameter) -> bool:
    """Tell parameters from the running statistics of batch normalisation, which no optimizer touches."""
    return not parameter.name.endswith(("moving_mean", "moving_variance"))


def _to_float16(network: ms.nn.Cell) -> None:
    """Compute in float16 with float32 weights (O2).

    Normalisation stays in float32, and so does every cell that says `keep_float32 = True` (a linear solve).
    """
    network.to_float(ms.float16)
    for _, cell in network.cells_and_names():
        norms = (ms.nn.BatchNorm1d, ms.nn.BatchNorm2d, ms.nn.LayerNorm)
        if isinstance(cell, norms) or getattr(cell, "keep_float32", False):
            cell.to_float(ms.float32)
