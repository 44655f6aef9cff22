# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Settings: what wins over what, what is refused and with which words, and the declaration itself."""
from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml

from src.config import DEFAULT_CONFIG, Settings, load_schema, load_settings
from src.errors import UserError
from src.method import build_method

COMMANDS = ("train", "eval", "export", "preprocess", "postprocess", "infer")
COMMON, METHODS = load_schema()
OPTIONS = {name: [o for section in [*COMMON, METHODS[name]] for o in section.options] for name in METHODS}
EVERY_OPTION = {(section.name, o.name): o for section in [*COMMON, *METHODS.values()]
                for o in section.options}


def settings(*argv: str) -> Settings:
    return load_settings("train", "", list(argv))


def refusal(*argv: str) -> str:
    with pytest.raises(UserError) as caught:
        settings(*argv)
    return " ".join(str(caught.value).split())  # as run_command prints it


def yaml_file(folder: Path, text: str) -> str:
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_later_layers_win(tmp_path):
    """Defaults < preset < file < command line, seen on one setting: 32, 8, 5, 3."""
    file = yaml_file(tmp_path, "batch_size: 5\ndropout: 0.25\n")
    assert settings().batch_size == 32
    assert settings("--preset", "cpu").batch_size == 4
    assert settings("--preset", "cpu", "--config_path", file).batch_size == 5
    last = settings("--config_path", file, "--batch_size", "3", "--preset=cpu")
    assert (last.batch_size, last.dropout, last.fc_width) == (3, 0.25, 512)
    assert last.given("fc_width") and last.given("batch_size") and not last.given("momentum")


def test_the_file_may_name_method_and_preset(tmp_path):
    file = yaml_file(tmp_path, "method: depthnet\npreset: paper\n")
    assert settings("--config_path", file).optimizer == "sgd"
    assert settings("--config_path", file, "--preset", "cpu").optimizer == "adam"


def test_a_methods_defaults_lie_between_common_defaults_and_its_presets(monkeypatch):
    """Declared for a method of this test alone."""
    section = {"help": "h", "settings": {"own": {"default": 1, "help": "h"}}, "defaults": {"batch_size": 4},
               "presets": {"big": {"batch_size": 64}}}
    monkeypatch.setitem(sys.modules["src.config"]._EXTRA_METHODS, "another", section)
    plain = settings("--method", "another")
    assert plain.batch_size == 4 and not plain.given("batch_size")
    assert settings("--method", "another", "--preset", "big").batch_size == 64
    assert "coarse_net" not in plain


@pytest.mark.parametrize(("wrong", "meant"), [
    ("--batch_sise", "--batch_size"), ("--lr_shedule", "--lr_schedule"),
    ("--coarse_ckpt", "--coarse_ckpt_model"), ("--test-data", "--test_data"), ("--fc_witdh=7", "--fc_width")])
def test_a_typo_is_answered_with_the_nearest_name(wrong, meant):
    assert refusal(wrong, "1").endswith(f"did you mean {meant}?")


def test_abbreviations_and_strays_are_refused():
    assert refusal("--bat", "3").startswith("unknown setting --bat;")
    assert "stray.txt" in refusal("stray.txt")
    assert refusal("--qqqqqqqq", "1") == "unknown setting --qqqqqqqq; see --help"


def test_a_typo_in_a_file_is_answered_too(tmp_path):
    file = yaml_file(tmp_path, "batch_sise: 5\n")
    assert refusal("--config_path", file).endswith("did you mean batch_size?")


@pytest.mark.parametrize(("argv", "words"), [
    (["--batch_size", "many"], ["--batch_size 'many'", "a whole number in [1, inf]"]),
    (["--batch_size", "3.5"], ["--batch_size '3.5'", "whole number"]),
    (["--batch_size", ""], ["--batch_size ''"]),
    (["--batch_size", "0"], ["--batch_size 0", "[1, inf]"]),
    (["--batch_size"], ["--batch_size"]),
    (["--seed", "4294967296"], ["--seed", "[0, 4294967295]"]),
    (["--dropout", "0.96"], ["--dropout 0.96", "[0, 0.95]"]),
    (["--momentum", "nan"], ["--momentum 'nan'", "a number in [0, 1]"]),
    (["--cx_px", "inf"], ["--cx_px 'inf'"]),
    (["--profile", "maybe"], ["--profile 'maybe'", "true or false"]),
    (["--optimizer", "adm"], ["--optimizer adm", "adam, sgd", "did you mean adam?"]),
    (["--file_format", "MINDIR,ONX"], ["--file_format", "MINDIR, ONNX, AIR", "did you mean ONNX?"]),
    (["--coarse_or_fine", "both"], ["--coarse_or_fine both", "coarse, fine"]),
    (["--preset", "paper2"], ["--preset paper2", "paper, cpu"]),
    (["--method", "depthent"], ["--method depthent", "did you mean depthnet?"]),
])
def test_impossible_values_are_refused_in_one_line(argv, words):
    text = refusal(*argv)
    assert all(word in text for word in words), text


@pytest.mark.parametrize(("text", "words"), [
    ("- a\n- b\n", "must hold lines `name: value`, found list"),
    ("", "found NoneType"),
    ("a: [1\n", "is not valid YAML"),
    ("batch_size: {a: 1}\n", "--batch_size"),
    ("batch_size: true\n", "--batch_size"),
    ("momentum: true\n", "--momentum"),
    ("batch_size: null\n", "--batch_size needs a value"),
    ("method: [a]\n", "--method"),
    ("1: 2\n", "unknown setting 1"),
    ("common: 1\nmethods: 2\n", "copy of default_config.yaml"),
])
def test_files_that_are_no_settings_are_refused(tmp_path, text, words):
    assert words in refusal("--config_path", yaml_file(tmp_path, text))


def test_unreadable_files_are_refused(tmp_path):
    assert str(tmp_path / "no.yaml") in refusal("--config_path", str(tmp_path / "no.yaml"))
    assert str(tmp_path) in refusal("--config_path", str(tmp_path))
    (tmp_path / "latin.yaml").write_bytes(b"data_url: \xe9\n")
    assert "not valid YAML" in refusal("--config_path", str(tmp_path / "latin.yaml"))


@pytest.mark.parametrize("text", ["1e-4", "1.0e-4", "0.0001"])
def test_numbers_in_yaml_need_no_dot(tmp_path, text):
    """PyYAML reads 1e-4 as text; the setting's type makes it the number that was meant."""
    read = settings("--config_path", yaml_file(tmp_path, f"coarse_learning_rate: {text}\n"))
    assert read.coarse_learning_rate == 1e-4 and isinstance(read.coarse_learning_rate, float)


def test_names_of_the_source_projects():
    assert settings("--test_data", "d").data_url == "d"
    assert settings("--dataset_path=d").data_url == "d"
    assert settings("--learning_rate_min", "0.5").fine_learning_rate == 0.5
    assert settings("--num_parallel_works", "16").num_parallel_workers == 16
    assert settings("--continue_training", "1").resume is True
    assert settings("--continue_training", "0").resume is False


def test_shorthands_add_to_their_list():
    both = settings("--coarse_ckpt_model", "a.ckpt", "--fine_ckpt_model", "b c.ckpt")
    assert sorted(both.ckpt) == ["coarse=a.ckpt", "fine=b c.ckpt"]
    assert settings("--ckpt", "fine=x", "--coarse_ckpt_model", "y").ckpt == ("fine=x", "coarse=y")
    assert settings("--coarse_or_fine", "fine").export_nets == ("fine",)


def test_a_shorthand_wins_over_the_list_of_a_lower_layer(tmp_path):
    """The last entry of a network counts; the file's order of lines does not matter."""
    file = yaml_file(tmp_path, "coarse_ckpt_model: low.ckpt\nckpt: [fine=f.ckpt]\n")
    assert settings("--config_path", file).ckpt == ("fine=f.ckpt", "coarse=low.ckpt")
    assert settings("--config_path", file, "--coarse_ckpt_model", "high.ckpt").ckpt[-1] == "coarse=high.ckpt"


def test_kinds_of_values(tmp_path):
    assert settings("--resume").resume is True
    assert settings("--resume", "--batch_size", "2").batch_size == 2
    assert settings("--resume", "off").resume is False
    assert settings("--cx_px", "-5").cx_px == -5.0
    assert settings("--stages", "coarse, fine").stages == ("coarse", "fine")
    assert settings("--stages", "coarse", "--stages", "fine").stages == ("coarse", "fine")
    assert settings("--config_path", yaml_file(tmp_path, "stages: [fine]\n")).stages == ("fine",)
    assert settings("--val_list", "none").val_list is None
    assert settings("--data_url", "a b/\u00e9\u4e2d").data_url == "a b/\u00e9\u4e2d"
    assert isinstance(settings("--grad_clip", "1").grad_clip, float)


def test_none_is_a_value_where_it_is_a_choice():
    """`--alignment none` switches a protocol's alignment off; not giving it keeps the protocol's."""
    assert settings("--alignment", "none").alignment == "none"
    assert settings().alignment is None


@pytest.mark.parametrize("argv", [
    [], ["--preset", "paper"], ["--stages", "fine", "--alignment", "none", "--fx_px", "500.5", "--resume"],
    ["--coarse_ckpt_model", "a.ckpt", "--coarse_or_fine", "fine", "--data_url", "\u00e9 #1: b"]])
def test_written_settings_read_back_the_same(tmp_path, argv):
    before = settings(*argv)
    before.write(tmp_path / "config.yaml")
    after = settings("--config_path", str(tmp_path / "config.yaml"))
    assert {**after, "config_path": None} == dict(before)
    assert all(type(after[name]) is type(before[name]) for name in before if name != "config_path")


def test_settings_do_not_change():
    before = settings()
    with pytest.raises(AttributeError, match="immutable"):
        before.batch_size = 3
    with pytest.raises(TypeError):
        before["batch_size"] = 3
    after = before.replace(batch_size=3)
    assert (before.batch_size, after.batch_size) == (32, 3)
    assert after.given("batch_size") and not before.given("batch_size")
    with pytest.raises(KeyError, match="batch_sise"):
        before.replace(batch_sise=3)
    with pytest.raises(AttributeError, match="batch_sise"):
        _ = before.batch_sise


def edited_copy(folder: Path, edit) -> str:
    declared = yaml.safe_load(DEFAULT_CONFIG.read_text(encoding="utf-8"))
    edit(declared)
    return yaml_file(folder, yaml.safe_dump(declared))


def test_an_edited_copy_of_the_defaults_is_a_configuration(tmp_path):
    """As ModelZoo users do: copy default_config.yaml, change numbers in it, name it."""
    def edit(declared):
        declared["common"]["training"]["settings"]["batch_size"]["default"] = 7
        declared["methods"]["depthnet"]["settings"]["dropout"]["default"] = 0.125

    read = settings("--config_path", edited_copy(tmp_path, edit))
    assert (read.batch_size, read.dropout) == (7, 0.125)
    changed = {name for name in read if read.given(name)}
    assert changed == {"batch_size", "dropout", "config_path"}
    preset = settings("--config_path", edited_copy(tmp_path, edit), "--preset", "cpu")
    assert (preset.batch_size, preset.fc_width) == (7, 512)


def test_what_an_edited_copy_cannot_change_is_refused(tmp_path):
    def new_setting(declared):
        declared["common"]["training"]["settings"]["batch_sise"] = {"default": 1, "help": "h"}

    def other_preset(declared):
        declared["methods"]["depthnet"]["presets"]["cpu"]["fc_width"] = 99

    assert "did you mean batch_size?" in refusal("--config_path", edited_copy(tmp_path, new_setting))
    assert "presets of depthnet" in refusal("--config_path", edited_copy(tmp_path, other_preset))


def test_an_edited_copy_changes_the_chosen_method_alone(tmp_path, monkeypatch):
    """Methods share names of settings (such as loss); another method's value must not leak."""
    def edit(declared):
        declared["methods"]["zz"] = {"help": "h", "settings": {"loss": {"default": "other", "help": "h"}}}

    assert settings("--config_path", edited_copy(tmp_path, edit)).loss == "scale_invariant"


def test_eval_takes_the_trained_networks_settings(tmp_path, capsys):
    """Which network it is comes from the training's config.yaml; how to evaluate does not."""
    settings("--coarse_net", "eigen", "--fc_width", "16", "--limit", "3", "--fine_learning_rate", "0.5",
             "--loss", "modelzoo").write(tmp_path / "config.yaml")
    argv = ["--train_url", str(tmp_path)]
    read = load_settings("eval", "", argv, trained_in="train_url")
    assert (read.coarse_net, read.fc_width, read.limit) == ("eigen", 16, 0)
    said = capsys.readouterr()  # of those that decide what the network is; stderr is for mistakes
    assert said.out == f"depthnet as trained in {tmp_path}/config.yaml: coarse_net eigen, fc_width 16\n"
    assert said.err == ""
    assert load_settings("eval", "", [*argv, "--fc_width", "32"], trained_in="train_url").fc_width == 32
    elsewhere = ["--train_url", str(tmp_path / "a/b/c")]
    assert load_settings("eval", "", elsewhere, trained_in="train_url").fc_width == 4096


def test_where_the_training_s_data_were_is_not_taken_over(tmp_path):
    made = settings("--method", "ddrnet", "--test_index_file", "old.csv", "--image_size", "64")
    made.write(tmp_path / "config.yaml")
    read = load_settings("eval", "", ["--train_url", str(tmp_path)], trained_in="train_url")
    assert (read.image_size, read.test_index_file) == (64, None)


@pytest.mark.parametrize("place", [".", "MindIR", "MindIR/FinalDenoiseNet.mindir"])
def test_the_training_above_exported_models_says_which_method_it_is(tmp_path, place):
    """run_infer_310.sh names the models' folder."""
    settings("--method", "ddrnet").write(tmp_path / "Model/config.yaml")
    argv = ["--train_url", str(tmp_path / "Model" / place)]
    assert load_settings("preprocess", "", argv, trained_in="train_url").method == "ddrnet"
    argv += ["--method", "depthnet"]
    assert load_settings("preprocess", "", argv, trained_in="train_url").method == "depthnet"


@pytest.mark.parametrize("method", METHODS)
def test_names_and_aliases_are_unique_and_no_attribute_of_settings(method):
    names = Counter(name for o in OPTIONS[method] for name in (o.name, *o.aliases))
    assert [name for name, count in names.items() if count > 1] == []
    assert [name for name in names if hasattr(Settings, name) or not name.isidentifier()] == []


@pytest.mark.parametrize("method", METHODS)
def test_shorthands_defaults_and_presets_name_settings(method):
    own = {o.name for o in OPTIONS[method]}
    section = METHODS[method]
    named = {o.shorthand[0] for o in OPTIONS[method] if o.shorthand} | set(section.defaults)
    assert named | {name for preset in section.presets.values() for name in preset} <= own
    for preset in section.presets:
        settings("--method", method, "--preset", preset)


@pytest.mark.parametrize("method", METHODS)
def test_settings_belong_to_networks_that_there_are(method):
    networks = {"all", *build_method(settings("--method", method)).graph.networks}
    owners = {o.name: o.network for o in OPTIONS[method] if o.network}
    assert owners and set(owners.values()) <= networks
    assert not set(owners) & {o.name for section in COMMON for o in section.options}


@pytest.mark.parametrize("key", EVERY_OPTION, ids="-".join)
def test_every_option_has_help_and_a_possible_default(key):
    option = EVERY_OPTION[key]
    assert len(option.help) > 5 and "\n" not in option.help
    assert option.type in ("int", "float", "bool", "str", "list", "entries")
    parsed = option.parse(option.default)
    assert parsed == (tuple(option.default) if option.type in ("list", "entries") else option.default)


_HELP_OF_ALL = """
import contextlib, io, runpy, sys
for command in sys.argv[1:]:
    sys.argv = [command + ".py", "--help"]
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        runpy.run_path(command + ".py", run_name="__main__")
    print(command, "mindspore" in sys.modules, "--batch_size X" in out.getvalue())
"""


def test_help_shows_the_defaults_of_the_method(capsys):
    with pytest.raises(SystemExit):
        load_settings("train", "", ["--method", "dcnf", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "default ./data/nyu]" in text and "default cosine]" in text


def test_help_needs_no_mindspore():
    """The help of each command lists the settings without the seconds that MindSpore takes to load."""
    run = subprocess.run([sys.executable, "-c", _HELP_OF_ALL, *COMMANDS], cwd=DEFAULT_CONFIG.parent,
                         capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == [f"{command} False True" for command in COMMANDS]


def test_help_comes_within_a_second():
    root = DEFAULT_CONFIG.parent
    seconds = []
    for _ in range(2):  # the second start finds the files in the cache
        start = time.perf_counter()
        run = subprocess.run([sys.executable, "train.py", "--help"], cwd=root, capture_output=True, text=True,
                             check=True)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1.0
    for option in OPTIONS["depthnet"]:
        assert f"--{option.name} " in run.stdout
        for alias in option.aliases:
            assert f"--{alias}" in run.stdout


def test_a_checkpoint_path_may_hold_commas(tmp_path):
    chosen = settings("--ckpt", "coarse=a,b.ckpt", "--fine_ckpt_model", "c,d.ckpt")
    assert chosen.ckpt == ("coarse=a,b.ckpt", "fine=c,d.ckpt")


def test_the_training_beside_a_given_checkpoint_says_which_network_it_is(tmp_path, monkeypatch):
    for name, net in (("Model", "eigen"), ("there", "modelzoo")):
        (tmp_path / name / "Ckpt").mkdir(parents=True)
        (tmp_path / name / "config.yaml").write_text(f"method: depthnet\ncoarse_net: {net}\n")
    monkeypatch.chdir(tmp_path)

    def net_of(*argv: str) -> str:
        return load_settings("eval", "", list(argv), trained_in="train_url").coarse_net

    assert net_of() == "eigen"
    assert net_of("--coarse_ckpt_model", "there/Ckpt/FinalCoarseNet.ckpt") == "modelzoo"
    assert net_of("--ckpt", "coarse=there/Ckpt/FinalCoarseNet.ckpt", "--train_url", "Model") == "modelzoo"
    # the default folder's training has nothing to do with a checkpoint from elsewhere
    assert net_of("--ckpt", "coarse=/nowhere/FinalCoarseNet.ckpt") == "modelzoo"
    assert net_of("--train_url", str(tmp_path / "Model"),
                  "--ckpt", "fine=/nowhere/FinalFineNet.ckpt") == "eigen"


def test_a_flag_does_not_eat_a_positional():
    chosen = load_settings("infer", "", ["--flip_average", "photo.jpg", "Model"], {"input": "", "model": ""})
    assert (chosen.flip_average, chosen.input, chosen.model) == (True, "photo.jpg", "Model")


def test_settings_that_no_training_says_are_announced(tmp_path, capsys):
    argv = ["--method", "ddrnet", "--train_url", str(tmp_path / "x")]
    load_settings("eval", "", argv, trained_in="train_url")
    assert "no config.yaml of a ddrnet training found" in capsys.readouterr().out
