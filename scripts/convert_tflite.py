# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""TFLite and SavedModel of exported networks, for phones: what `make tflite` runs."""
from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from src.config import load_settings  # noqa: E402 - the repository is no installed package
from src.deploy.calibration import Reader, calibration_readers, reaching  # noqa: E402
from src.errors import UserError, run_command  # noqa: E402
from src.graph import DTYPES, Graph, Model  # noqa: E402
from src.method import Method, build_method  # noqa: E402

_DESCRIPTION = """Convert exported networks to TFLite and SavedModel.

Reads <train_url>/ONNX/Final<Net>.onnx, which export.py writes, and writes TFLite/Final<Net>.tflite (float32),
TFLite_int8/Final<Net>.tflite (8 bits, calibrated on the training set or --calibration_list) and the folder
SavedModel/Final<Net>. Each .tflite file is run; one of float32 is kept only if it agrees with the ONNX file
within --tolerance. Files have one size, that of the calibration samples where a network takes several.

TensorFlow needs an environment of its own: `make tflite` makes .venv-tflite, then runs this command there.

  make tflite                                              what is in ./Model
  make tflite TRAIN_URL=Model CALIBRATION=pictures/
  .venv-tflite/bin/python scripts/convert_tflite.py --train_url Model --calibration_list pictures/
  .venv-tflite/bin/python scripts/convert_tflite.py --export_nets pano --calibration_samples 100"""


def main(argv: list[str]) -> None:
    """Parse the settings and convert."""
    method = build_method(load_settings("scripts/convert_tflite", _DESCRIPTION, argv, trained_in="train_url"))
    if find_spec("onnx2tf") is None:
        raise UserError("onnx2tf is not installed here: run `make tflite`, which makes .venv-tflite for it")
    for line in convert_networks(method):
        print(line, flush=True)


def convert_networks(method: Method) -> Iterator[str]:
    """Convert the networks of `export_nets`, by default all that are exported; yield a line on each file.

    Raises:
        UserError: a network is not exported, cannot be calibrated or cannot be converted.
    """
    from src.deploy.runtimes import onnx_runner
    from src.deploy.tflite import FLOAT32, INT8, SAVED_MODEL, convert

    s, graph = method.settings, method.graph
    chosen = _chosen(method)
    part = graph.upto(graph.results_of(graph.models_of(tuple(chosen))))
    runners = {name: onnx_runner(_source(method, model)) for name, model in part.networks.items()}
    readers, why_none = _calibration(method, part)
    root = Path(s.train_url)
    for name, model in chosen.items():
        calibrate = bool(readers) and name in part.networks
        samples = list(reaching(part, runners, name, readers)) if calibrate else _random(method, model)
        yield from convert(_source(method, model), model, samples, calibrate, root, s.tolerance)
        if not calibrate:
            yield f"{model.file}: no int8 file, {why_none}"
        for kind in (FLOAT32, SAVED_MODEL, *[INT8] * calibrate):
            s.write(root / kind / "config.yaml")


def _calibration(method: Method, part: Graph) -> tuple[list[Reader], str]:
    """Return what reads the samples that make depth, and why there are none where there are none.

    Raises:
        UserError: samples that the settings name cannot be read.
    """
    if not part.results:
        return [], "it makes no depth"
    try:
        return calibration_readers(method, part)[0], "it makes no depth"
    except UserError as error:
        if method.settings.calibration_list or method.settings.given("data_url"):
            raise
        return [], f"{error}"


def _source(method: Method, model: Model) -> Path:
    return Path(method.settings.train_url) / "ONNX" / f"{model.file}.onnx"


def _chosen(method: Method) -> dict[str, Model]:
    s, known = method.settings, method.graph.networks
    unknown = [name for name in s.export_nets if name not in known]
    if unknown:
        raise UserError(f"--export_nets {','.join(unknown)} is not known: {method.name} has "
                        f"{', '.join(known)}")
    chosen = {name: model for name, model in known.items()
              if (name in s.export_nets if s.export_nets else _source(method, model).is_file())}
    sources = [_source(method, model) for model in (chosen or known).values()]
    missing = [path.name for path in sources if not path.is_file()]
    if missing:
        raise UserError(f"{sources[0].parent} has no {', '.join(missing)} of {method.name}: run python "
                        f"export.py --file_format ONNX --train_url {s.train_url} first")
    return chosen


def _random(method: Method, model: Model) -> list[tuple[np.ndarray, ...]]:
    """Return what a file is checked on where there are no pictures: uniform in [0, 1], integers 0 or 1."""
    rng = np.random.default_rng(0)
    specs = [spec.bind(method.example_sizes) for spec in method.graph.input_specs(model)]
    return [tuple(rng.integers(0, 2, (1, *spec.shape)).astype(DTYPES[spec.dtype]) if spec.dtype == "int32"
                  else rng.random((1, *spec.shape), np.float32) for spec in specs) for _ in range(4)]


if __name__ == "__main__":
    sys.exit(run_command(main))
