# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: what fits loads, what does not is refused by name, published files load unchanged."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from src.config import load_settings
from src.depthnet.net import CoarseNet, FineNet
from src.errors import UserError
from src.method import build_method
from src.training.checkpoints import (
    load_network,
    load_trained,
    named_paths,
    read_checkpoint,
    read_state,
    restore,
    save_network,
    save_state,
    trained_path,
)
from tests.depthnet.test_net import COARSE_WEIGHTS, FINE_WEIGHTS


class Net(nn.Cell):
    def __init__(self, width: int = 4):
        super().__init__()
        self.first = nn.Dense(3, width)
        self.second = nn.Dense(width, 2)


def values(net) -> dict[str, np.ndarray]:
    return {p.name: p.asnumpy() for p in net.get_parameters()}


def written(path, entries):
    ms.save_checkpoint([{"name": name, "data": ms.Tensor(data)} for name, data in entries.items()], str(path))
    return path


def refusal(*arguments, **options) -> str:
    with pytest.raises(UserError) as caught:
        load_network(*arguments, **options)
    return str(caught.value)


def test_a_network_comes_back(tmp_path):
    """Saved from a training, where names have the network's in front, and loaded where they have not."""
    trained, fresh = Net(), Net()
    trained.update_parameters_name("net.")
    save_network(trained, tmp_path / "deep/a.ckpt", "net.")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.ckpt"]
    assert load_network(fresh, tmp_path / "deep/a.ckpt") == []
    for name, value in values(fresh).items():
        np.testing.assert_array_equal(value, values(trained)[f"net.{name}"])
    other = Net()
    other.update_parameters_name("net.")
    load_network(other, tmp_path / "deep/a.ckpt", "net.")
    assert all(np.array_equal(v, values(trained)[name]) for name, v in values(other).items())


def test_other_values_may_be_saved(tmp_path):
    net = Net()
    net.update_parameters_name("net.")
    average = ms.Parameter(np.full((4, 3), 7, np.float32), name="ema")
    save_network(net, tmp_path / "a.ckpt", "net.", {"net.first.weight": average})
    stored = read_checkpoint(tmp_path / "a.ckpt")
    assert np.all(stored["first.weight"].asnumpy() == 7)
    np.testing.assert_array_equal(stored["second.bias"].asnumpy(), values(net)["net.second.bias"])


def test_differences_are_named(tmp_path):
    entries = values(Net())
    missing = written(tmp_path / "missing.ckpt", {k: v for k, v in entries.items() if k != "first.bias"})
    words = "does not fit Net: 1 parameters missing (first.bias); is it of this network"
    assert words in refusal(Net(), missing)
    unknown = written(tmp_path / "unknown.ckpt", {**entries, "third.weight": np.zeros(2, np.float32)})
    assert "1 unknown (third.weight)" in refusal(Net(), unknown)
    assert "3 of another shape (first.weight, first.bias, second.weight)" in refusal(Net(8), unknown)
    many = written(tmp_path / "many.ckpt", {f"{k}.x": v for k, v in entries.items()})
    text = refusal(Net(), many)
    assert "4 parameters missing (first.weight, first.bias, second.weight, ...), 4 unknown (" in text


def test_nothing_is_loaded_where_something_is_wrong(tmp_path):
    entries = {**values(Net()), "third.weight": np.zeros(2, np.float32)}
    net = Net()
    before = {name: value.copy() for name, value in values(net).items()}
    refusal(net, written(tmp_path / "a.ckpt", entries))
    assert all(np.array_equal(before[name], value) for name, value in values(net).items())


def test_what_optimizers_leave_is_ignored(tmp_path):
    source = Net()
    moment = np.ones((4, 3), np.float32)
    left = {"moment1.first.weight": moment, "moment2.first.weight": moment, "beta1_power": np.float32(0.5),
            "beta2_power": np.float32(0.5), "global_step": np.int32([3]),
            "learning_rate": np.float32(0.1), "moments.first.bias": np.ones(4, np.float32)}
    net = Net()
    load_network(net, written(tmp_path / "a.ckpt", {**values(source), **left}))
    np.testing.assert_array_equal(values(net)["first.weight"], values(source)["first.weight"])


def test_half_precision_files_load_as_float32(tmp_path):
    entries = {name: value.astype(np.float16) for name, value in values(Net()).items()}
    net = Net()
    load_network(net, written(tmp_path / "a.ckpt", entries))
    assert all(p.dtype == ms.float32 for p in net.get_parameters())
    np.testing.assert_array_equal(values(net)["first.weight"], entries["first.weight"].astype(np.float32))


def test_partial_loading_names_what_it_left(tmp_path):
    source = Net(8)
    path = written(tmp_path / "a.ckpt", {**values(source), "more": np.zeros(1, np.float32)})
    net = Net(4)
    before = values(net)["first.weight"].copy()
    assert load_network(net, path, allow_partial=True) == ["first.weight", "first.bias", "second.weight"]
    np.testing.assert_array_equal(values(net)["second.bias"], values(source)["second.bias"])
    np.testing.assert_array_equal(values(net)["first.weight"], before)
    nothing = written(tmp_path / "b.ckpt", {"other": np.zeros(1, np.float32)})
    assert "shares no parameter with Net" in refusal(net, nothing, allow_partial=True)


def test_files_that_are_no_checkpoints_are_named(tmp_path, capfd):
    whole = written(tmp_path / "whole.ckpt", values(Net())).read_bytes()
    for name, data in (("half", whole[:len(whole) // 2]), ("start", whole[:10]), ("empty", b""),
                       ("text", b"no checkpoint at all"), ("zeros", bytes(500))):
        path = tmp_path / f"{name}.ckpt"
        path.write_bytes(data)
        with pytest.raises(UserError) as caught:
            load_network(Net(), path)
        assert str(path) in str(caught.value), name
    for path in (tmp_path / "no.ckpt", tmp_path):
        assert f"no checkpoint {path}; train first, or name one with --ckpt NAME=PATH" in refusal(Net(), path)
    assert "Traceback" not in capfd.readouterr().err


def test_published_checkpoints_load_unchanged(tmp_path):
    """Files with the names and shapes of the ModelZoo's DepthNet (METHODS 4.2)."""
    rng = np.random.default_rng(0)
    coarse = {}
    for layer, shape in COARSE_WEIGHTS.items():
        coarse[f"{layer}.weight"] = rng.random(shape, np.float32)
        coarse[f"{layer}.bias"] = rng.random(shape[1 if layer.startswith("deconv") else 0], np.float32)
    fine = {f"{layer}.weight": rng.random(shape, np.float32) for layer, shape in FINE_WEIGHTS.items()}
    for net, name, entries in ((CoarseNet(), "FinalCoarseNet", coarse), (FineNet(), "FinalFineNet", fine)):
        assert load_network(net, written(tmp_path / f"{name}.ckpt", entries)) == []
        for parameter, value in values(net).items():
            np.testing.assert_array_equal(value, entries[parameter])


def method(*argv):
    given = ["--coarse_net", "eigen", "--fc_width", "4", *map(str, argv)]
    return build_method(load_settings("eval", "", given))


NETWORKS = {"coarse": None, "fine": None}


def test_where_checkpoints_are_looked_for(tmp_path):
    """--ckpt, else Final<Net>.ckpt, else what a distributed run writes."""
    depthnet = method("--train_url", tmp_path)
    final, rank0 = (tmp_path / f"Ckpt/FinalCoarseNet{end}.ckpt" for end in ("", "_rank0"))
    assert trained_path(depthnet, "coarse", NETWORKS) == final
    final.parent.mkdir()
    rank0.touch()
    assert trained_path(depthnet, "coarse", NETWORKS) == rank0
    final.touch()
    assert trained_path(depthnet, "coarse", NETWORKS) == final
    named = method("--train_url", tmp_path, "--ckpt", "fine=a=b.ckpt", "--coarse_ckpt_model", "c.ckpt")
    assert {net: str(path) for net, path in named_paths(named.settings, NETWORKS).items()} == {
        "fine": "a=b.ckpt", "coarse": "c.ckpt"}
    for wrong in ("a.ckpt", "corse=a.ckpt"):
        with pytest.raises(UserError, match=f"--ckpt {wrong} must be NAME=PATH with NAME one of coarse"):
            named_paths(method("--ckpt", wrong).settings, NETWORKS)


def test_weights_are_never_random(tmp_path):
    depthnet = method("--train_url", tmp_path)
    networks = depthnet.build_networks()
    save_network(networks["coarse"], tmp_path / "Ckpt/FinalCoarseNet.ckpt", "")
    with pytest.raises(UserError, match=r"no checkpoint .*FinalFineNet\.ckpt"):
        load_trained(depthnet, depthnet.graph)
    save_network(networks["fine"], tmp_path / "Ckpt/FinalFineNet.ckpt", "")
    loaded = load_trained(depthnet, depthnet.graph)
    for net, network in networks.items():
        assert all(np.array_equal(v, values(loaded[net])[name]) for name, v in values(network).items())


def test_the_state_of_a_training_comes_back(tmp_path):
    def state(a, b):
        return {"a": ms.Parameter(np.float32(a), name="a"),
                "b": ms.Parameter(ms.Tensor(b, ms.int32), name="b")}

    progress = {"stage": "coarse", "step": 7, "best": {"coarse": 0.5}, "done": ["\u00e9"]}
    save_state(tmp_path / "last.ckpt", state([1, 2], 3), progress)
    stored, read = read_state(tmp_path / "last.ckpt")
    assert read == progress
    fresh = state([0, 0], 0)
    restore(fresh, stored, tmp_path / "last.ckpt")
    assert fresh["a"].asnumpy().tolist() == [1, 2] and fresh["b"].asnumpy() == 3
    for wrong in ({"c": fresh["a"]}, {"a": ms.Parameter(np.zeros(3, np.float32), name="a")}):
        with pytest.raises(UserError, match=f"does not fit these settings: {next(iter(wrong))} is missing"):
            restore(wrong, stored, tmp_path / "last.ckpt")
