# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Figures of the C++ program's results: `python postprocess.py --result_path R --label_file P/label`."""
import sys
from pathlib import Path

from tqdm import tqdm

from src.config import Settings, load_settings
from src.deploy.bundle import read_manifest, read_results
from src.errors import UserError, run_command
from src.evaluation import Evaluation, chosen_protocols
from src.method import build_method

_DESCRIPTION = """Score the results of ascend310_infer against the labels of preprocess.py.

The method, its settings and the protocols are those of the manifest beside the label folder; --protocol,
--alignment, --pooling and --max_depth_m may vary them.

  python postprocess.py --result_path ./result_Files --label_file ./preprocess_Result/label"""
_VARIED = ("protocol", "alignment", "pooling", "max_depth_m", "output_json", "output_csv")


def main(argv: list[str]) -> None:
    """Parse the settings, read the results, print and write the figures."""
    given = load_settings("postprocess", _DESCRIPTION, argv)
    labels, results = Path(given.label_file), Path(given.result_path)
    manifest = read_manifest(labels.parent / "manifest.json")
    settings = _settings_of(manifest, given)
    method = build_method(settings)
    evaluation = Evaluation(method, chosen_protocols(method), keep_rows=settings.output_csv is not None)
    maps = read_results(method, manifest, labels, results)
    for sample, network_maps in tqdm(maps, total=len(manifest["samples"]), unit="image",
                                     disable=None):
        evaluation.add(sample, network_maps)
    evaluation.publish(settings)


def _settings_of(manifest: dict, given: Settings) -> Settings:
    """Return the settings of preprocess.py with those that postprocess.py was given."""
    if given.flip_average:
        raise UserError("the C++ program runs each picture once: --flip_average is eval.py's alone")
    settings = Settings({name: tuple(value) if isinstance(value, list) else value
                         for name, value in manifest["settings"].items()})
    return settings.replace(**{name: given[name] for name in _VARIED if given.given(name)})


if __name__ == "__main__":
    sys.exit(run_command(main))
