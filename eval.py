# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Measure a trained method: `python eval.py --test_data ~/NYU`."""
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from src.config import Settings, load_settings
from src.datasets.image_files import write_depth_png
from src.errors import run_command
from src.evaluation import Evaluation, chosen_protocols
from src.files import atomic_path
from src.method import Method, Sample, build_method
from src.prediction import external_map, network_runners, predict, read_samples
from src.visualize import panel, save_picture

_DESCRIPTION = """Evaluate a trained depth method, or depth maps that another program wrote.

  python eval.py --test_data ~/NYU                              checkpoints of ./Model/Ckpt
  python eval.py --test_data ~/NYU --coarse_ckpt_model A.ckpt --fine_ckpt_model B.ckpt
  python eval.py --test_data ~/NYU --protocol nyu_eigen --flip_average --output_json figures.json
  python eval.py --data_list pairs.txt --depth_scale 1000       your own pairs
  python eval.py --test_data ~/NYU --predictions maps/          <name>.npy (m) or 16-bit <name>.png"""


def main(argv: list[str]) -> None:
    """Parse the settings, evaluate, print and write the figures."""
    settings = load_settings("eval", _DESCRIPTION, argv, trained_in="train_url")
    method = build_method(settings)
    evaluation = Evaluation(method, chosen_protocols(method), keep_rows=settings.output_csv is not None)
    samples = method.eval_samples()
    total = min(len(samples), settings.limit or len(samples))
    reader = read_samples(method, samples, settings.limit)
    maps = _external(settings, reader) if settings.predictions else _predicted(method, reader)
    for sample, found in tqdm(maps, total=total, unit="image", disable=None):
        if settings.predictions:
            evaluation.add_external(sample, found["external"])
        else:
            evaluation.add(sample, found)
        _save(method, sample, found)
    evaluation.publish(settings)


def _external(settings: Settings,
              samples: Iterator[Sample]) -> Iterator[tuple[Sample, dict[str, np.ndarray]]]:
    for sample in samples:
        yield sample, {"external": external_map(settings, sample)}


def _predicted(method: Method, samples: Iterator[Sample]) -> Iterator[tuple[Sample, dict[str, np.ndarray]]]:
    # MindSpore is imported once settings and data are right
    from src.training.checkpoints import load_trained
    from src.training.device import set_up_device

    set_up_device(method.settings)
    graph = method.graph.upto(method.graph.results)
    return predict(method, graph, network_runners(load_trained(method, graph)), samples)


def _save(method: Method, sample: Sample, maps: dict[str, np.ndarray]) -> None:
    """Write `--save_images` panels, `--save_predictions` arrays and `--save_png` maps of one sample."""
    settings = method.settings
    for result, map_m in maps.items():
        net = method.net_of(result)
        depth_m, seen = ((map_m, np.True_) if settings.predictions else method.to_full(map_m, sample))
        if settings.save_images:
            rgb, truth_m = method.view_of(result, sample)
            picture = panel(rgb, truth_m, depth_m, truth_m > 0)
            save_picture(Path(settings.save_images) / f"{sample.name}_{net}.png", picture)
        if settings.save_predictions:
            with atomic_path(Path(settings.save_predictions) / net / f"{sample.name}.npy") as temporary:
                np.save(temporary, depth_m.astype(np.float32))
        if settings.save_png:
            path = Path(settings.save_png) / f"{method.file_prefix(result)}_{sample.name}.png"
            write_depth_png(path, np.where(seen, depth_m, 0), settings.png_scale)


if __name__ == "__main__":
    sys.exit(run_command(main))
