# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The shell scripts: arguments, paths, what they pass on, logs and exit codes."""
from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from src.config import load_settings
from tests.script_runner import REPOSITORY, SCRIPTS, FakePython, run_script

TRAIN, EVAL = "run_standalone_train_ascend.sh", "run_eval.sh"
COARSE, FINE, EXPORT = "run_export_coarse_model.sh", "run_export_fine_model.sh", "run_export.sh"
INFER, DISTRIBUTED = "run_infer_310.sh", "run_distributed_train_ascend.sh"
FOLDERS = ("preprocess_Result", "result_Files", "time_Result")


@pytest.fixture
def fake(tmp_path: Path) -> FakePython:
    return FakePython(tmp_path / "interpreter")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory to call scripts in, with inputs whose names have blanks, quotes and other alphabets."""
    folder = tmp_path / "Arbeit für \"深度\" $HOME"
    for name in ("NYU v2/Test", "here"):
        (folder / name).mkdir(parents=True)
    for name in ("größe *.ckpt", "b.ckpt", "a.mindir", "b.mindir", "table.json"):
        (folder / name).touch()
    return folder / "here"


@pytest.mark.parametrize(("script", "args"), [
    (TRAIN, []), (TRAIN, ["."]), (TRAIN, [".", "0", "1"]), (TRAIN, ["--max_steps", "3"]), (TRAIN, ["--help"]),
    (DISTRIBUTED, []), (DISTRIBUTED, ["."]), (DISTRIBUTED, [".", "table.json", "8"]), (DISTRIBUTED, ["-h"]),
    (EVAL, []), (EVAL, [".", "coarse.ckpt"]), (EVAL, [".", "a", "b", "c"]), (EVAL, [".", "--help"]),
    (COARSE, ["--help"]), (COARSE, ["a", "b"]), (FINE, ["-h"]), (FINE, ["a", "b"]),
    (EXPORT, []), (EXPORT, ["--method", "ddrnet"]), (EXPORT, ["a", "b", "c"]), (EXPORT, ["a", "--help"]),
    (INFER, []), (INFER, ["a", "b", "c"]), (INFER, ["a", "b", "c", "0", "1"]), (INFER, ["--help"]),
    (INFER, ["a=b", "c"]), (INFER, ["a", ".", "0"]), (INFER, ["1a=b", ".", "0"]), (INFER, ["=b", ".", "0"]),
    (INFER, ["--method", "ddrnet"]),
])
def test_wrong_arguments_print_usage_with_an_example(tmp_path: Path, script: str, args: list[str]):
    done = run_script(script, *args, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"Usage: bash {script} ")
    assert f"Example: bash {script}" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["nyu_depth_v2_labeled.mat", "train.mindrecord", "train.mindrecord0"])
def test_data_may_be_one_file(fake: FakePython, place: Path, file: str):
    (place / file).touch()
    assert run_script(TRAIN, file, 0, cwd=place, **fake.env).returncode == 0
    (call,) = fake.calls()
    assert file in str(call)


@pytest.mark.parametrize(("script", "args", "reason"), [
    (TRAIN, ["nowhere", "0"], "DATASET_PATH: no folder 'nowhere'"),
    (TRAIN, ["../table.json", "0"], "DATASET_PATH: no folder '../table.json'"),
    (TRAIN, [".", "first"], "DEVICE_ID is a whole number such as 0, not 'first'"),
    (TRAIN, [".", ""], "DEVICE_ID is a whole number such as 0, not ''"),
    (TRAIN, [".", "../table.json"], "run_distributed_train_ascend.sh"),
    (DISTRIBUTED, ["nowhere", "../table.json"], "DATASET_PATH: no folder 'nowhere'"),
    (DISTRIBUTED, [".", "nowhere.json"], "RANK_TABLE_FILE: no file 'nowhere.json'"),
    (EVAL, ["nowhere"], "DATASET_PATH: no folder 'nowhere'"),
    (EVAL, [".", "../a.ckpt", "../b.ckpt"], "COARSENET_MODEL_PATH: no file '../a.ckpt'"),
    (EVAL, [".", "../b.ckpt", "."], "FINENET_MODEL_PATH: no file '.'"),
    (COARSE, ["nowhere.ckpt"], "CKPT_PATH: no file 'nowhere.ckpt'"),
    (FINE, [""], "CKPT_PATH: no file ''"),
    (EXPORT, ["refine", "nowhere.ckpt"], "CKPT_PATH: no file 'nowhere.ckpt'"),
    (INFER, ["denoise=x.mindir", "refine=../b.mindir", ".", "0"], "denoise: no file 'x.mindir'"),
    (INFER, ["denoise=../b.mindir", "refine=", ".", "0"], "refine: no file ''"),
    (INFER, ["pano=../a.mindir", "nowhere", "0"], "DATA_PATH: no folder 'nowhere'"),
    (INFER, ["pano=../a.mindir", ".", "zero"], "DEVICE_ID is a whole number such as 0, not 'zero'"),
    (INFER, ["x.mindir", "../b.mindir", ".", "0"], "MINDIR1_PATH: no file 'x.mindir'"),
    (INFER, ["../a.mindir", "x.mindir", ".", "0"], "MINDIR2_PATH: no file 'x.mindir'"),
    (INFER, ["../a.mindir", "../b.mindir", "nowhere", "0"], "DATA_PATH: no folder 'nowhere'"),
    (INFER, ["../a.mindir", "../b.mindir", ".", "CPU"], "DEVICE_ID is a whole number such as 0, not 'CPU'"),
])
def test_wrong_paths_are_refused_in_one_line(fake: FakePython, place: Path, script: str, args: list[str],
                                             reason: str):
    done = run_script(script, *args, cwd=place, **fake.env)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert reason in done.stderr
    assert fake.calls() == [] and list(place.iterdir()) == []


@pytest.mark.parametrize(("script", "args", "command", "passed"), [
    (TRAIN, ["../NYU v2", "3", "--max_steps", "2", "--pre_trained", "größe *.ckpt"], "train.py",
     ["--data_url", "../NYU v2", "--device_id", "3", "--device_target", "auto", "--train_url", "{repo}/Model",
      "--max_steps", "2", "--pre_trained", "größe *.ckpt"]),
    (EVAL, ["../NYU v2"], "eval.py", ["--test_data", "../NYU v2", "--train_url", "{repo}/Model"]),
    (EVAL, ["../NYU v2", "../größe *.ckpt", "../b.ckpt", "--limit", "2"], "eval.py",
     ["--test_data", "../NYU v2", "--train_url", "{repo}/Model", "--coarse_ckpt_model", "../größe *.ckpt",
      "--fine_ckpt_model", "../b.ckpt", "--limit", "2"]),
    (TRAIN, ["../NYU v2", "0", "--method", "ddrnet", "--has_mask", "true"], "train.py",
     ["--data_url", "../NYU v2", "--device_id", "0", "--device_target", "auto", "--train_url", "{repo}/Model",
      "--method", "ddrnet", "--has_mask", "true"]),
    (EVAL, ["../NYU v2", "--method", "ddrnet", "--ckpt", "denoise=../größe *.ckpt"], "eval.py",
     ["--test_data", "../NYU v2", "--train_url", "{repo}/Model", "--method", "ddrnet", "--ckpt",
      "denoise=../größe *.ckpt"]),
    (EXPORT, ["refine"], "export.py", ["--export_nets", "refine", "--train_url", "{repo}/Model"]),
    (EXPORT, ["denoise", "../größe *.ckpt", "--method", "ddrnet"], "export.py",
     ["--export_nets", "denoise", "--train_url", "{repo}/Model", "--ckpt", "denoise=../größe *.ckpt",
      "--method", "ddrnet"]),
    (COARSE, [], "export.py", ["--export_nets", "coarse", "--train_url", "{repo}/Model"]),
    (FINE, ["../größe *.ckpt", "--file_format", "ONNX"], "export.py",
     ["--export_nets", "fine", "--train_url", "{repo}/Model", "--ckpt", "fine=../größe *.ckpt",
      "--file_format", "ONNX"]),
])
def test_arguments_reach_the_command_unchanged(fake: FakePython, place: Path, script: str, args: list[str],
                                               command: str, passed: list[str]):
    done = run_script(script, *args, cwd=place, **fake.env)
    assert done.returncode == 0, done.stderr
    (call,) = fake.calls()
    assert call["argv"] == [str(REPOSITORY / command), *(arg.format(repo=REPOSITORY) for arg in passed)]
    assert call["cwd"] == str(place)


@pytest.mark.parametrize(("script", "args", "command", "networks"), [
    (TRAIN, [0], "train.py", {}), (EVAL, [], "eval.py", {}),
    (EVAL, ["../a.mindir", "../b.mindir"], "eval.py", {"ckpt": ("coarse=../a.mindir", "fine=../b.mindir")}),
    (COARSE, None, "export.py", {"export_nets": ("coarse",)}),
    (FINE, None, "export.py", {"export_nets": ("fine",)})])
def test_commands_know_what_the_scripts_pass_on(fake: FakePython, place: Path, script: str, args: list | None,
                                                command: str, networks: dict[str, tuple]):
    """What the scripts add is a setting of every method, except DepthNet's checkpoints."""
    own = [] if args is None else ["../NYU v2", *args]
    run_script(script, *own, cwd=place, **fake.env)
    (call,) = fake.calls()
    read = load_settings(command[:-3], "", call["argv"][1:])
    assert {name: read[name] for name in networks} == networks
    if "ckpt" not in networks:
        assert load_settings(command[:-3], "", [*call["argv"][1:], "--method", "ddrnet"]).method == "ddrnet"


def test_train_url_of_the_environment_and_of_the_settings(fake: FakePython, place: Path):
    run_script(COARSE, "--train_url", "../later", cwd=place, TRAIN_URL="../Mein Modell", **fake.env)
    (call,) = fake.calls()
    # The last one counts.
    assert call["argv"][3:] == ["--train_url", "../Mein Modell", "--train_url", "../later"]


@pytest.mark.parametrize(("script", "args", "log", "command"), [
    (TRAIN, [".", "0"], "train.log", "train.py"), (EVAL, ["."], "eval.log", "eval.py")])
def test_output_is_shown_and_logged_and_the_exit_code_kept(fake: FakePython, place: Path, script: str,
                                                           args: list[str], log: str, command: str):
    (place / log).write_text("of an earlier run")
    done = run_script(script, *args, cwd=place, FAKE_EXIT_0="7", **fake.env)
    assert done.returncode == 7
    assert sorted(done.stdout.splitlines()) == [f"complaint of {command}", f"output of {command}"]
    assert (place / log).read_text() == done.stdout
    assert done.stderr == f"error: ended with exit code 7; the reason is above and in {place}/{log}\n"


def test_a_log_that_cannot_be_written_stops_before_the_command(fake: FakePython, place: Path):
    (place / "train.log").mkdir()
    done = run_script(TRAIN, ".", 0, cwd=place, **fake.env)
    assert done.returncode == 2 and f"error: cannot write {place}/train.log" in done.stderr
    assert fake.calls() == []


def test_training_beside_its_own_train_log_is_refused(fake: FakePython, place: Path):
    done = run_script(TRAIN, ".", 0, cwd=place, TRAIN_URL="../here", **fake.env)
    assert done.returncode == 2 and "run this in another folder" in done.stderr
    assert fake.calls() == [] and list(place.iterdir()) == []


def test_standalone_is_one_process_whatever_the_shell_holds(fake: FakePython, place: Path):
    run_script(TRAIN, ".", 5, cwd=place, RANK_SIZE="8", RANK_ID="3", RANK_TABLE_FILE="x", DEVICE_ID="3",
               **fake.env)
    (call,) = fake.calls()
    names = ("RANK_SIZE", "RANK_ID", "DEVICE_ID", "DEVICE_NUM")
    assert [call["env"][name] for name in names] == ["1", "0", "5", "1"]
    assert "RANK_TABLE_FILE" not in call["env"]


@pytest.fixture
def copied_scripts(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SCRIPTS, tmp_path / "copy of it" / "scripts"))


@pytest.mark.parametrize(("executables", "chosen"), [
    ([".venv/bin/python", "path/python3"], ".venv/bin/python"),
    (["path/python3", "path/python"], "path/python3"),
])
def test_the_interpreter_is_that_of_the_repository_or_of_path(fake: FakePython, copied_scripts: Path,
                                                              executables: list[str], chosen: str):
    repository = copied_scripts.parent
    for name in executables:
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(f'#!/bin/bash\nCHOSEN={name} exec "$REAL" "$@"\n')
        (repository / name).chmod(0o755)
    env = fake.env
    done = run_script(COARSE, cwd=repository, scripts=copied_scripts, REAL=env["PYTHON"],
                      FAKE_RECORDS=env["FAKE_RECORDS"], PATH=f"{repository / 'path'}:/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    (call,) = fake.calls()
    assert call["env"]["CHOSEN"] == chosen
    assert call["argv"][0] == str(repository / "export.py")


def test_an_interpreter_that_is_not_there(place: Path):
    done = run_script(EVAL, ".", cwd=place, PYTHON="/no/python")
    assert (done.returncode, done.stderr) == (2, "error: PYTHON=/no/python cannot be run\n")


@pytest.mark.parametrize("folder", FOLDERS)
def test_infer_leaves_what_it_did_not_make(fake: FakePython, place: Path, folder: str):
    (place / folder).mkdir()
    (place / folder / "thesis.txt").write_text("years")
    done = run_script(INFER, "../a.mindir", "../b.mindir", "../NYU v2", 0, cwd=place, **fake.env)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {place}/{folder} was not made by this script")
    assert sorted(place.rglob("*")) == [place / folder, place / folder / "thesis.txt"]


def test_infer_stops_at_the_first_error_and_replaces_its_own_results(fake: FakePython, place: Path):
    (place / "result_Files").mkdir()  # empty: nobody's
    arguments = ("../a.mindir", "../b.mindir", "../NYU v2/Test/", 0, "--limit", 2)
    first = run_script(INFER, *arguments, cwd=place, FAKE_EXIT_0="2", **fake.env)
    (place / "result_Files" / "old_0.bin").touch()
    second = run_script(INFER, *arguments, cwd=place, FAKE_EXIT_0="2", **fake.env)
    for done in (first, second):
        assert done.returncode == 2 and f"in {place}/preprocess.log" in done.stderr
    assert sorted(path.name for path in place.iterdir()) == ["preprocess.log", *sorted(FOLDERS)]
    assert not (place / "result_Files" / "old_0.bin").exists()
    for call in fake.calls():
        assert call["argv"] == [str(REPOSITORY / "preprocess.py"), "--dataset_path", "../NYU v2/Test/",
                                "--train_url", "..", "--limit", "2", "--output_path", "preprocess_Result"]


def infer(fake: FakePython, place: Path, *args: object) -> tuple[list[str], list[str]]:
    """Run the whole script with recording programs; return the arguments of preprocess.py and of main."""
    build = place / "build"
    build.mkdir()
    (build / "main").write_text('#!/bin/bash\nprintf "%s\\n" "$@" >main.args\n')
    (build / "main").chmod(0o755)
    (place / "ascend310_infer").mkdir()
    (place / "ascend310_infer/build.sh").write_text("exit 0\n")
    scripts = Path(shutil.copytree(SCRIPTS, place / "scripts"))
    done = run_script(INFER, *args, cwd=place, scripts=scripts, BUILD_DIR=build, **fake.env)
    assert done.returncode == 0, done.stderr
    prepare, score = fake.calls()
    assert [Path(call["argv"][0]).name for call in (prepare, score)] == ["preprocess.py", "postprocess.py"]
    assert score["argv"][1:] == ["--result_path", "result_Files", "--label_file", "preprocess_Result/label"]
    return prepare["argv"][1:], (place / "main.args").read_text().splitlines()


@pytest.mark.parametrize(("models", "named"), [
    (["../a.mindir", "../b.mindir"], ["coarse=../a.mindir", "fine=../b.mindir"]),
    (["x=1/a.mindir", "../b.mindir"], ["coarse=x=1/a.mindir", "fine=../b.mindir"]),
    (["denoise=../a.mindir", "refine=../b.mindir"], ["denoise=../a.mindir", "refine=../b.mindir"]),
    (["pano=x=1/a.mindir"], ["pano=x=1/a.mindir"]),
    (["a=../a.mindir", "b=../b.mindir", "c_3=../a.mindir"],
     ["a=../a.mindir", "b=../b.mindir", "c_3=../a.mindir"]),
])
def test_infer_takes_the_models_of_any_method(fake: FakePython, place: Path, models: list[str],
                                              named: list[str]):
    (place / "x=1").mkdir()
    (place / "x=1/a.mindir").touch()
    prepare, program = infer(fake, place, *models, "../NYU v2", 3, "--method", "ddrnet", "--limit", 2)
    folder = "x=1" if "x=1" in models[0] else ".."
    assert prepare == ["--dataset_path", "../NYU v2", "--train_url", folder, "--method", "ddrnet",
                       "--limit", "2", "--output_path", "preprocess_Result"]
    passed = [part for model in named for part in ("--model", model)]
    assert program == ["--manifest", "preprocess_Result/manifest.json", *passed, "--output_path",
                       "result_Files", "--time_path", "time_Result", "--device_id", "3"]


def test_shellcheck_finds_nothing():
    beside = Path(sys.executable).with_name("shellcheck")
    shellcheck = str(beside) if beside.exists() else shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("shellcheck is not installed")
    files = [str(path) for path in sorted(SCRIPTS.glob("*.sh"))]
    assert len(files) == 8
    done = subprocess.run([shellcheck, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
