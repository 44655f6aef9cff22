# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The training loop of every method: stages in order, validation, checkpoints, exact resuming."""
from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mindspore as ms
import numpy as np

from src.datasets.loader import Batch, TrainLoader
from src.errors import UserError
from src.evaluation import Evaluation, chosen_protocols
from src.files import write_json
from src.method import Method, Stage
from src.prediction import network_runners, predict, read_samples
from src.training import checkpoints
from src.training.device import set_up_device
from src.training.logs import RunLog
from src.training.schedule import learning_rates
from src.training.step import TrainStep
from src.visualize import panel

_HIGHER_IS_BETTER = ("delta1", "delta2", "delta3")
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
        self.trained = set(progress.get("trained", ()))
        self.best = progress.get("best", {})
        loaders = {name: self._open(name) for name in self.stage_names if name not in done}
        stages = {name: self.method.build_stage(name, self.networks) for name in loaders}
        if progress:
            self._compare(progress, loaders)
        notes = self._load_start() if not progress else []
        self._load_needed(stages)
        if self.rank == 0:  # a mistake above must not overwrite an earlier training's records
            self._start_log({name: progress["step"] if name == progress.get("stage") else 0
                             for name in stages})
        try:
            for note in notes if self.log else []:
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
        self.settings.replace(resume=False).write(self.folder / "config.yaml")

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

    def _load_start(self) -> list[str]:
        """Load `--pre_trained` into the networks it names; return lines on what starts anew."""
        notes = []
        for entry in self.settings.pre_trained:
            name, equals, path = entry.partition("=")
            if not equals:
                name, path = next(iter(self.networks)), entry
            if name not in self.networks:
                raise UserError(f"--pre_trained {entry}: {name} is none of {', '.join(self.networks)}")
            skipped = checkpoints.load_network(self.networks[name], path, f"{name}.",
                                               self.settings.allow_partial)
            if skipped:
                notes.append(f"{name}: {len(skipped)} parameters are not in {path} and start anew: "
                             f"{', '.join(skipped)}")
            else:
                self.trained.add(name)
        return notes

    def _load_needed(self, stages: dict[str, Stage]) -> None:
        """Load the networks that stages build on, unless an earlier stage of this run trains them."""
        ready = set(self.trained)
        for stage in stages.values():
            for name in stage.needs:
                if name not in ready:
                    path = checkpoints.trained_path(self.method, name, self.networks)
                    checkpoints.load_network(self.networks[name], path, f"{name}.")
            ready |= {*stage.needs, *stage.trained}

    def _open(self, stage: str) -> TrainLoader:
        s = self.settings
        return TrainLoader(self.method.train_samples(stage), s.batch_size, s.seed, s.num_parallel_workers,
                           self.rank, self.ranks)

    def _train_stage(self, stage: Stage, loader: TrainLoader, done: tuple[str, ...], stored: dict,
                     progress: dict) -> None:
        s = self.settings.replace(**stage.overrides)
        for net, network in self.networks.items():
            for parameter in network.get_parameters():
                parameter.requires_grad = net in stage.trained and _learns(parameter)
        total = stage.steps or stage.epochs * max(1, loader.batches_per_epoch // s.accumulate_steps)
        total = min(total, s.max_steps) if s.max_steps else total
        self._check_length(stage, s.lr_schedule, total, progress)
        step = TrainStep(stage, self.networks, s, total, self.ranks)
        if stored:
            checkpoints.restore({**self.network_parameters(), **step.state()}, stored, self.last)
        _StageLoop(self, stage, step, loader, total, done).run(progress.get("step", 0))
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


class _StageLoop:
    """The steps of one stage."""

    def __init__(self, trainer: Trainer, stage: Stage, step: TrainStep, loader: TrainLoader, total: int,
                 done: tuple[str, ...]):
        self.trainer = trainer
        self.method = trainer.method
        self.settings = trainer.settings
        self.log = trainer.log
        self.stage = stage
        self.step = step
        self.loader = loader
        self.total = total
        self.done = done
        self.rates = learning_rates(stage.learning_rate, total, self.settings.replace(**stage.overrides))
        self.seconds = {"wait": 0.0, "step": 0.0, "rest": 0.0}
        graph = self.method.graph
        results = graph.results_of(stage.trained)
        self.graph = graph.upto(results) if results else None
        self.validation_samples = self._open_validation() if self.log and self.graph else None

    def _open_validation(self):
        s = self.settings
        try:
            samples = self.method.validation_samples()
        except UserError as error:
            if s.eval_every or s.val_list:
                raise
            self.log.say(f"no validation: {error}")
            return None
        if samples is None and s.eval_every:
            raise UserError("--eval_every needs validation samples: name their list with --val_list")
        if samples is None:
            self.log.say("no validation: --data_list has no --val_list beside it")
        return samples

    def run(self, first: int) -> None:
        """Train from step `first` (0-based) to the end; save the final checkpoints."""
        s, micro = self.settings, self.settings.accumulate_steps
        if self.log:
            self.log.start_stage(f"training {self.stage.title}", first, self.total)
        batches = self.loader.batches(first * micro, self.total * micro)
        clock = time.perf_counter()
        with _stop_requests() as requests:
            for number in range(first, self.total):
                group = [next(batches) for _ in range(micro)]
                waited = time.perf_counter()
                row = self._make_step(number, group)
                stepped = time.perf_counter()
                row.update(seconds=stepped - clock, wait_seconds=waited - clock)
                if self.log:
                    self._after_step(number, row)
                if requests and number + 1 < self.total:
                    self._stop(number + 1, requests[0])
                now = time.perf_counter()
                for part, span in zip(self.seconds, (waited - clock, stepped - waited, now - stepped)):
                    self.seconds[part] += span
                clock = now
        batches.close()
        if self.log:
            self._finish(first, s)

    def _stop(self, made: int, signal_number: int) -> None:
        """Save and end, as Ctrl-C or SIGTERM asked for."""
        if self.log:
            self._save_state(made)
            self.log.say(f"stopped after {made} steps of the {self.stage.title}; continue with --resume")
        raise SystemExit(128 + signal_number)

    def _make_step(self, number: int, group: list[Batch]) -> dict:
        self.stage.objective.set_train(True)
        for net, network in self.trainer.networks.items():
            if net not in self.stage.trained:
                network.set_train(False)  # frozen nets keep their batch statistics
        columns = [tuple(ms.Tensor.from_numpy(batch.columns[name]) for name in self.stage.columns)
                   for batch in group]
        sums, counts, applied = self.step(columns)
        means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
        loss = float(np.dot(means, self.stage.objective.weights))
        # in float16 an overflow is skipped and the loss scale halved, until that can help no more
        if not (np.isfinite(loss) and applied) and self.step.loss_scale() <= 1.0:
            what = f"the loss became {loss}" if not np.isfinite(loss) else "a gradient became infinite or NaN"
            files = "; ".join(self.loader.samples.describe(int(i)) for batch in group for i in batch.indices)
            raise UserError(f"{what} in step {number} of the {self.stage.title}; its samples: {files}. "
                            "Look at these files, or lower the learning rate")
        terms = dict(zip(self.stage.objective.terms, means.astype(float).tolist()))
        return {"step": number, "epoch": number * len(group) // self.loader.batches_per_epoch, "loss": loss,
                "terms": terms, "learning_rate": float(self.rates[number]), "applied": applied}

    def _after_step(self, number: int, row: dict) -> None:
        s, made = self.settings, number + 1
        self.log.advance(row["loss"])
        if number % s.log_every == 0 or made == self.total:
            self.log.step(self.stage.name, self.stage.title, row)
        if made < self.total:
            if s.eval_every and made % s.eval_every == 0:
                self._validate(made)
            if s.picture_every and made % s.picture_every == 0:
                self._picture(made)
            if made % s.save_every == 0:
                self._save_state(made)

    def _finish(self, first: int, s) -> None:
        self._save_networks("Final")  # before the validation, which may find fault with its data
        if first < self.total:
            self._validate(self.total)
            if s.picture_every:
                self._picture(self.total)
        self._save_state(self.total)  # last, so that a run stopped in the validation repeats it
        if s.profile:
            self._write_profile()
        self.log.end_stage()

    @contextmanager
    def _averaged_weights(self) -> Iterator[None]:
        """Put the moving averages into the networks for the time of an evaluation."""
        averages = {name: average.asnumpy() for name, average in self.step.averaged().items()}
        kept = {p.name: p.asnumpy().copy() for p in self.step.parameters if p.name in averages}
        try:
            self.step.put(averages)
            yield
        finally:
            self.step.put(kept)

    def _predictions(self, limit: int):
        runners = network_runners({m.name: self.trainer.networks[m.name] for m in self.graph.models})
        samples = read_samples(self.method, self.validation_samples, limit)
        return predict(self.method, self.graph, runners, samples)

    def _validate(self, made: int) -> None:
        """Measure on the validation set by the last of the protocols; keep the best checkpoint."""
        if self.validation_samples is None:
            return
        s = self.settings
        evaluation = Evaluation(self.method, chosen_protocols(self.method)[-1:])
        with self._averaged_weights():
            for sample, maps in self._predictions(s.eval_limit):
                evaluation.add(sample, maps)
        figures = {result["net"]: result["metrics"] for result in evaluation.report()["results"]}
        self.log.validation(self.stage.name, made, figures)
        mean = float(np.mean([values[s.best_metric] for values in figures.values()]))
        sign = -1.0 if s.best_metric in _HIGHER_IS_BETTER else 1.0
        best = self.trainer.best.get(self.stage.name)
        better = best is None or sign * mean < sign * best
        self.log.say(f"validation of the {self.stage.title} after {made} steps: {s.best_metric} {mean:.4f}"
                     + (", the best so far" if better else f" (best {best:.4f})"))
        if better:
            self.trainer.best[self.stage.name] = mean
            self._save_networks("Best")

    def _picture(self, made: int) -> None:
        if self.validation_samples is None:
            return
        with self._averaged_weights():
            for sample, maps in self._predictions(1):
                for result, map_m in maps.items():
                    full_m, _ = self.method.to_full(map_m, sample)
                    rgb, truth_m = self.method.view_of(result, sample)
                    picture = panel(rgb, truth_m, full_m, truth_m > 0)
                    self.log.picture(self.stage.name, made, self.method.net_of(result), picture)

    def _save_networks(self, kind: str) -> None:
        suffix = f"_rank{self.trainer.rank}" if self.trainer.ranks > 1 else ""
        for net in self.stage.trained:
            stem = checkpoints.file_stem(self.method, net).replace("Final", kind, 1)
            path = self.trainer.folder / "Ckpt" / f"{stem}{suffix}.ckpt"
            checkpoints.save_network(self.trainer.networks[net], path, f"{net}.", self.step.averaged())

    def _save_state(self, made: int) -> None:
        """Write last.ckpt: what the next step depends on."""
        progress = {"stage": self.stage.name, "step": made, "total": self.total, "done": list(self.done),
                    "trained": sorted({*self.trainer.trained, *self.stage.needs}), "best": self.trainer.best,
                    "settings": self.settings.plain(), "ranks": self.trainer.ranks,
                    "samples": len(self.loader.samples)}
        parameters = {**self.trainer.network_parameters(), **self.step.state()}
        checkpoints.save_state(self.trainer.last, parameters, progress)

    def _write_profile(self) -> None:
        total = sum(self.seconds.values())
        shares = {f"{part}_share": span / total for part, span in self.seconds.items()}
        write_json(self.trainer.folder / f"profile_{self.stage.name}.json",
                   {"stage": self.stage.name, "steps": self.total, "seconds": self.seconds, **shares})


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM, so that the step is finished and saved first; a second one ends at once."""
    requests: list[int] = []

    def remember(number: int, _frame: object) -> None:
        if requests:
            raise KeyboardInterrupt
        requests.append(number)

    if threading.current_thread() is not threading.main_thread():  # only the main thread gets signals
        yield requests
        return
    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
