# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""`make demo`: DepthNet from nothing to a C++ program's figures on synthetic rooms, with a report.

Every step is a command as a user types it; this file only runs them in order and compares what they wrote.
"""
from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from src.baseline import TrainingMaps, best_figures, constant_figures  # noqa: E402 - the repository is no installed package
from src.config import load_settings  # noqa: E402
from src.errors import UserError, run_command  # noqa: E402
from src.files import write_json  # noqa: E402
from src.method import build_method  # noqa: E402
from src.protocols import protocol_named  # noqa: E402
from src.report import Report  # noqa: E402

PROTOCOL = "nyu_eigen"
TRAIN_FRAMES, TEST_FRAMES = 1000, 220
COARSE_STEPS, FINE_STEPS = 900, 150
AGREEMENT = 1e-3  # between the figures of eval.py and of the C++ program


class Steps:
    """Runs commands, showing each as it could be pasted, and counts the time."""

    def __init__(self, total: int):
        self.total = total
        self.count = 0
        self.start = time.time()

    def run(self, what: str, command: list[str]) -> None:
        """Run one command; its failure ends the demo."""
        self.count += 1
        shown = " ".join(shlex.quote(part) for part in command)
        seconds = time.time() - self.start
        print(f"\n[{self.count}/{self.total}, {seconds:.0f} s] {what}\n  $ {shown}", flush=True)
        environment = {**os.environ, "PYTHON": sys.executable}
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, check=False)
        if done.returncode:
            raise UserError(f"the demo stopped: `{shown}` ended with exit code {done.returncode}")

    def python(self, what: str, *arguments: object) -> None:
        """Run a command of the package."""
        self.run(what, [sys.executable, *map(str, arguments)])


def main(argv: list[str]) -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output_dir", default="output/demo",
                        help="folder for data, models, figures and report")
    out = Path(parser.parse_args(argv).output_dir).resolve()
    data, model, bundle = out / "NYU", out / "Model", out / "preprocess_Result"
    common = ("--data_url", data, "--train_url", model)
    both = f"{PROTOCOL},modelzoo"
    steps = Steps(10)
    steps.python("synthetic rooms in the NYU layout", "-m", "src.datasets.synthetic", "--layout", "nyu",
                 "--output_dir", data, "--num_train", TRAIN_FRAMES, "--num_test", TEST_FRAMES, "--seed", 1)
    training = "train coarse, then fine, preset cpu: the paper's coarse net learns most in minutes on a CPU"
    steps.python(training, "train.py", *common, "--preset", "cpu", "--coarse_steps", COARSE_STEPS,
                 "--fine_net_train_step", FINE_STEPS, "--eval_limit", 32, "--profile")
    steps.python("evaluate", "eval.py", *common, "--protocol", both, "--eval_batch_size", 8,
                 "--output_json", out / "eval.json")
    steps.python("control: every picture swapped for another scene's", "eval.py", *common,
                 "--protocol", PROTOCOL, "--eval_batch_size", 8, "--shuffle_inputs",
                 "--output_json", out / "control.json")
    steps.python("pictures", "eval.py", *common, "--limit", 8, "--save_images", out / "images")
    steps.python("export MindIR and ONNX", "export.py", *common)
    steps.run("build the C++ program", ["bash", str(REPOSITORY / "ascend310_infer/build.sh")])
    steps.python("prepare its input", "preprocess.py", *common, "--output_path", bundle, "--protocol", both)
    steps.run("run it", [str(REPOSITORY / "ascend310_infer/build/main"),
                         "--manifest", str(bundle / "manifest.json"),
                         "--model", f"coarse={model}/MindIR/FinalCoarseNet.mindir",
                         "--model", f"fine={model}/MindIR/FinalFineNet.mindir", "--device_type", "CPU",
                         "--output_path", str(out / "result_Files"), "--time_path", str(out / "time_Result"),
                         "--batch", "4"])
    steps.python("score its results", "postprocess.py", "--result_path", out / "result_Files", "--label_file",
                 bundle / "label", "--output_json", out / "cpp.json")
    finish(out, steps)


def finish(out: Path, steps: Steps) -> None:
    """Compare the figures, write metrics.json and report.html."""
    baselines = baseline_figures(out / "NYU")
    best = best_figures(baselines)
    python, cpp = figures_of(out / "eval.json", "fine"), figures_of(out / "cpp.json", "fine")
    control, coarse = figures_of(out / "control.json", "fine"), figures_of(out / "eval.json", "coarse")
    apart = max(abs(python[name] - cpp[name]) for name in python)
    metrics = {"protocol": PROTOCOL, "preset": "cpu", "baseline": best, "python": python, "cpp": cpp,
               "coarse": coarse, "control_shuffled_pictures": control, "constant_maps": baselines,
               "largest_difference_python_cpp": apart, "seconds": round(time.time() - steps.start, 1)}
    write_json(out / "metrics.json", metrics)
    write_page(out, metrics)
    gain = 1 - python["abs_rel"] / best["abs_rel"]
    print(f"\nabs_rel {python['abs_rel']:.3f} against {best['abs_rel']:.3f} of the best constant map "
          f"({gain:.0%} lower), delta1 {python['delta1']:.3f} against {best['delta1']:.3f}\n"
          f"control, pictures shuffled: abs_rel {control['abs_rel']:.3f}, delta1 {control['delta1']:.3f}\n"
          f"C++ and Python differ by at most {apart:.1e}\n"
          f"report: {out / 'report.html'} ({metrics['seconds']:.0f} s)")
    if apart > AGREEMENT:
        raise UserError(f"the C++ program's figures differ from eval.py's by {apart:.1e}, "
                        f"more than {AGREEMENT:g}")


def figures_of(path: Path, net: str) -> dict[str, float]:
    """Return a net's figures under the demo's protocol from an output_json file."""
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    return next(r["metrics"] for r in results if r["net"] == net and r["protocol"]["name"] == PROTOCOL)


def baseline_figures(data: Path) -> dict[str, dict[str, float]]:
    """Score the constant maps of the training set on the test set."""
    settings = load_settings("eval", "", ["--data_url", str(data), "--augmentation", "none"])
    method = build_method(settings)
    return constant_figures(method, TrainingMaps(method.train_samples("fine"), "depth_m"), "fine:log_depth",
                            protocol_named(PROTOCOL))


def write_page(out: Path, metrics: dict) -> None:
    """Write report.html."""
    page = Report("DepthNet on synthetic rooms")
    page.text(f"Trained and measured by `make demo` in {metrics['seconds']:.0f} s (environment apart) on "
              f"{os.cpu_count()} CPU cores: {TRAIN_FRAMES} training frames, {TEST_FRAMES} test frames of "
              f"rooms unseen in training; protocol {protocol_named(PROTOCOL).describe()}.")
    page.table({"best constant map (each figure's best)": metrics["baseline"],
                "coarse net": metrics["coarse"],
                "coarse + fine, Python": metrics["python"], "coarse + fine, C++": metrics["cpp"],
                "control: shuffled pictures": metrics["control_shuffled_pictures"]})
    page.text(f"C++ and Python differ by at most {metrics['largest_difference_python_cpp']:.1e}.")
    page.heading("Training")
    lines = (out / "Model/metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    for stage in ("coarse", "fine"):
        page.curve([(r["step"], r["loss"]) for r in rows if r["stage"] == stage and "loss" in r],
                   f"training loss of the {stage} net")
    page.heading("Pictures")
    for path in sorted((out / "images").glob("*_fine.png")):
        frame = path.name.split("_")[0]
        page.picture(path, f"test frame {frame}: picture, truth, prediction, relative error")
    page.write(out / "report.html")


if __name__ == "__main__":
    sys.exit(run_command(main))
