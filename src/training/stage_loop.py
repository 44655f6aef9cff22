# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The loop over the steps of one training stage."""
from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import mindspore as ms
import numpy as np

from src.datasets.loader import Batch, TrainLoader
from src.errors import UserError
from src.evaluation import Evaluation, chosen_protocols
from src.files import write_json
from src.graph import Graph
from src.method import Method, Sample, Stage
from src.prediction import network_runners, predict, read_samples
from src.training import checkpoints
from src.training.step import TrainStep

if TYPE_CHECKING:
    from src.training.trainer import Trainer

_HIGHER_IS_BETTER = ("delta1", "delta2", "delta3")


def _measured_graph(method: Method, stage: Stage) -> Graph | None:
    """Return the part of the graph that makes a stage's results, or None where it has none."""
    results = stage.results or method.graph.results_of(method.graph.models_of(stage.trained))
    return method.graph.upto(results) if results else None


def open_validation(method: Method, stages: Iterable[Stage]) -> tuple[Sequence[Sample] | None, list[str]]:
    """Return what the stages are validated on, or None, and lines for the log that say why there is nothing.

    Raises:
        UserError: the settings ask for a validation that cannot be.
    """
    s = method.settings
    if not any(_measured_graph(method, stage) for stage in stages):
        return None, []
    chosen_protocols(method)  # a wrong name would else be found after the first stage
    try:
        samples = method.validation_samples()
    except UserError as error:
        if s.eval_every or any(s.given(name) for name in method.validation_settings):
            raise
        return None, [f"no validation: {error}"]
    if samples is None and s.eval_every:
        raise UserError("--eval_every needs validation samples: name their list with --val_list")
    return samples, [] if samples is not None else ["no validation: --data_list has no --val_list beside it"]


class StageLoop:
    """The steps of one stage, with their logs, validations and checkpoints.

    Args:
        trainer: the training that the stage belongs to; its log and its validation samples are None on all
            ranks but 0.
        stage: what is trained.
        step: one optimizer step of it.
        loader: its batches.
        rates: the learning rate of each of its steps.
        done: names of the stages before it.
    """

    def __init__(self, trainer: Trainer, stage: Stage, step: TrainStep, loader: TrainLoader,
                 rates: np.ndarray, done: tuple[str, ...]):
        self.trainer = trainer
        self.method = trainer.method
        self.settings = trainer.settings
        self.log = trainer.log
        self.stage = stage
        self.step = step
        self.loader = loader
        self.rates = rates
        self.total = len(rates)
        self.done = done
        self.seconds = {"wait": 0.0, "step": 0.0, "rest": 0.0}
        self.counted = False  # whether a sample had truth to train on
        self.graph = _measured_graph(self.method, stage)
        self.validation_samples = trainer.validation_samples if self.graph else None

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
                self._require_truth(number + 1 - first, first)
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
        if requests:  # in the last step: this stage is saved whole, the next one must not start
            raise SystemExit(128 + requests[0])

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
        self.counted = self.counted or bool((counts > 0).any())
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

    def _require_truth(self, made: int, first: int) -> None:
        """Refuse data that teach nothing, once an epoch of them or the whole stage has been seen."""
        epoch = made * self.settings.accumulate_steps >= self.loader.batches_per_epoch
        if not self.counted and (epoch or first + made == self.total and not first):
            raise UserError(f"no sample of the {self.stage.title} has anything to train on: the depth maps "
                            "have no usable reading; look at the data and their units (--depth_scale)")

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
        runners = network_runners({m.name: self.trainer.networks[m.network] for m in self.graph.models})
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
        mean = float(np.mean([values[s.best_metric] for net, values in figures.items()
                              if net not in evaluation.given]))
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
                full = {result: self.method.to_full(map_m, sample)[0] for result, map_m in maps.items()}
                for name, picture in self.method.pictures(sample, full).items():
                    self.log.picture(self.stage.name, made, name, picture)
                for name, (points, colors) in self.method.clouds(sample, full).items():
                    self.log.cloud(self.stage.name, made, name, points, colors)

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
