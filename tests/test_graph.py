# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The graph of models: wiring, parts of it, and running it against a calculation by hand."""
from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from src.errors import UserError
from src.graph import Graph, Model, TensorSpec, Wire

A, B, C = (TensorSpec(name, (2,)) for name in "abc")
INT = TensorSpec("labels", (3,), "int32")


def model(name: str, inputs: dict[str, str], *outputs: TensorSpec) -> Model:
    return Model(name, f"Final{name}", tuple(Wire(k, v) for k, v in inputs.items()), outputs)


def diamond() -> Graph:
    """Input x feeds left and right, both feed join; other stands alone."""
    return Graph(
        inputs=(TensorSpec("x", (2,)), INT),
        models=(model("left", {"in": "input:x"}, A, B), model("right", {"in": "input:x"}, A),
                model("join", {"l": "left:b", "r": "right:a"}, C),
                model("other", {"labels": "input:labels"}, A)),
        results=("join:c", "left:a", "other:a"))


RUNNERS = {
    "left": lambda x: (x + 1, x * 2),
    "right": lambda x: (x - 3,),
    "join": lambda left, right: (10 * left + right,),
    "other": lambda labels: (labels[:, :2] * np.float32(0.5),),
}


def test_run_wires_outputs_to_inputs_by_name():
    x = np.array([[1.0, 2.0], [3.0, -4.0]], np.float32)
    labels = np.array([[1, 2, 3], [4, 5, 6]], np.int32)
    results = diamond().run(RUNNERS, {"x": x, "labels": labels})
    assert list(results) == ["join:c", "left:a", "other:a"]
    np.testing.assert_array_equal(results["join:c"], [[18.0, 39.0], [60.0, -87.0]])  # 10 * 2x + x - 3
    np.testing.assert_array_equal(results["left:a"], [[2.0, 3.0], [4.0, -3.0]])
    np.testing.assert_array_equal(results["other:a"], [[0.5, 1.0], [2.0, 2.5]])


def test_every_model_runs_once():
    calls = []

    def counted(name):
        return lambda *inputs: (calls.append(name), RUNNERS[name](*inputs))[1]

    diamond().run({name: counted(name) for name in RUNNERS},
                  {"x": np.zeros((1, 2), np.float32), "labels": np.zeros((1, 3), np.int32)})
    assert calls == ["left", "right", "join", "other"]


@pytest.mark.parametrize("outputs", [(np.zeros((1, 2)),), (np.zeros((1, 2)), np.zeros((1, 3))),
                                     (np.zeros((1, 2)),) * 3, (np.zeros((1, 1, 2)), np.zeros((1, 2)))])
def test_a_model_that_makes_something_else_is_named(outputs):
    runners = {**RUNNERS, "left": lambda x: outputs}
    with pytest.raises(ValueError, match="model left makes"):
        diamond().run(runners, {"x": np.zeros((1, 2)), "labels": np.zeros((1, 3))})


def test_upto_keeps_what_the_result_needs_and_its_order():
    graph = diamond()
    assert [m.name for m in graph.upto(("join:c",)).models] == ["left", "right", "join"]
    assert [m.name for m in graph.upto(("left:a",)).models] == ["left"]
    assert [m.name for m in graph.upto(("other:a", "left:a")).models] == ["left", "other"]
    part = graph.upto(("left:a",))
    assert part.results == ("left:a",)
    assert list(part.run(RUNNERS, {"x": np.ones((1, 2))})) == ["left:a"]


def test_upto_can_end_at_a_tensor_that_is_no_result():
    assert [m.name for m in diamond().upto(("right:a",)).models] == ["right"]


def test_results_of_models():
    graph = diamond()
    assert graph.results_of(("left", "join")) == ("join:c", "left:a")
    assert graph.results_of(("right",)) == ()


def test_specs_follow_the_wires():
    graph = diamond()
    assert graph.spec("input:labels") is INT
    assert graph.spec("left:b") is B
    assert graph.input_specs(graph.model("join")) == (TensorSpec("l", (2,)), TensorSpec("r", (2,)))
    assert graph.input_specs(graph.model("other")) == (INT,)


@pytest.mark.parametrize(("changes", "message"), [
    ({"models": diamond().models[1:]}, "model join reads .'left:b'."),
    ({"models": diamond().models[::-1]}, "model join reads"),  # not in an order in which they can run
    ({"inputs": (INT,)}, "model left reads .'input:x'."),
    ({"results": ("join:d",)}, "join:d"),
    ({"models": (model("loop", {"in": "loop:a"}, A),), "results": ("loop:a",)}, "model loop reads"),
])
def test_wiring_errors(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(diamond(), **changes)


@pytest.mark.parametrize("tensors", [({"a": "input:x"}, A), ({"in": "input:x"}, A, A)])
def test_names_within_a_model_are_different(tensors):
    with pytest.raises(ValueError, match="different names"):
        model("m", *tensors)


def test_the_manifests_form_is_plain_json():
    saved = json.loads(json.dumps(diamond().as_dict()))
    assert saved["inputs"][1] == {"name": "labels", "dtype": "int32", "shape": [3]}
    assert saved["models"][2] == {
        "name": "join", "file": "Finaljoin", "network": "join",
        "inputs": [{"name": "l", "from": "left:b"}, {"name": "r", "from": "right:a"}],
        "outputs": [{"name": "c", "dtype": "float32", "shape": [2]}]}
    assert saved["results"] == ["join:c", "left:a", "other:a"]
    assert Graph.from_dict(saved) == diamond()


def free() -> Graph:
    """Two inputs of any size H x W, but the same, and a fixed one; a sum, and the sums of its rows."""
    return Graph(
        inputs=(TensorSpec("grey", (1, "H", "W")), TensorSpec("depth", (2, "H", "W")), INT),
        models=(model("join", {"g": "input:grey", "d": "input:depth"}, TensorSpec("sum", (2, "H", "W"))),
                model("rows", {"sum": "join:sum"}, TensorSpec("rows", (2, "H"), "int32"))),
        results=("rows:rows", "join:sum"))


FREE_RUNNERS = {"join": lambda g, d: (g + d,), "rows": lambda s: (s.sum(-1).astype(np.int32),)}


def free_inputs(height: int, width: int, batch: int = 2) -> dict[str, np.ndarray]:
    return {"grey": np.ones((batch, 1, height, width)), "depth": np.full((batch, 2, height, width), 2.0),
            "labels": np.zeros((batch, 3), np.int32)}


@pytest.mark.parametrize(("height", "width"), [(4, 6), (3, 1)])
def test_a_free_graph_runs_at_the_size_of_its_inputs(height, width):
    results = free().run(FREE_RUNNERS, free_inputs(height, width))
    np.testing.assert_array_equal(results["join:sum"], np.full((2, 2, height, width), 3))
    np.testing.assert_array_equal(results["rows:rows"], np.full((2, 2, height), 3 * width))


def test_outputs_of_a_free_graph_are_held_to_the_inputs_size():
    runners = {**FREE_RUNNERS, "join": lambda g, d: ((g + d)[..., :-1],)}
    with pytest.raises(ValueError, match=r"model join makes .*\(2, 4, 5\).*its graph says .*\(2, 4, 6\)"):
        free().run(runners, free_inputs(4, 6))


@pytest.mark.parametrize(("name", "shape", "message"), [
    ("depth", (2, 6, 4), r"input depth is \(2, 6, 4\), not \(2, 4, 6\)"),  # two inputs disagree
    ("depth", (1, 4, 6), r"input depth is \(1, 4, 6\), not \(2, 4, 6\)"),
    ("grey", (4, 6), r"input grey is \(4, 6\), not \(1, 'H', 'W'\)"),
    ("labels", (4,), r"input labels is \(4,\), not \(3,\)"),
])
def test_inputs_that_do_not_fit_are_named(name, shape, message):
    inputs = {**free_inputs(4, 6), name: np.zeros((2, *shape))}
    with pytest.raises(UserError, match=message):
        free().run(FREE_RUNNERS, inputs)


def test_binding_replaces_every_name():
    shapes = {"grey": (1, 4, 6), "depth": (2, 4, 6), "labels": (3,)}
    assert free().sizes(shapes) == {"H": 4, "W": 6}
    bound = free().bind({"H": 4, "W": 6})
    assert bound.inputs == (TensorSpec("grey", (1, 4, 6)), TensorSpec("depth", (2, 4, 6)), INT)
    assert bound.spec("rows:rows") == TensorSpec("rows", (2, 4), "int32")
    assert bound.input_specs(bound.model("rows")) == (TensorSpec("sum", (2, 4, 6)),)
    assert bound.sizes(shapes) == {} and bound.bind({}) == bound
    assert diamond().bind({}) == diamond()
    with pytest.raises(KeyError):
        free().bind({"H": 4})


def test_a_free_dimension_of_an_output_is_one_of_an_input():
    with pytest.raises(ValueError, match="free dimensions .'D'. are of no input"):
        replace(free(), models=(model("m", {"g": "input:grey"}, TensorSpec("d", ("D", "H"))),),
                results=("m:d",))


def view(name: str, source: str, **changes) -> Model:
    """One of two models that run the network "shared"."""
    own = {"file": "FinalSharedNet", "inputs": (Wire("in", f"input:{source}"),), "outputs": (A,),
           "network": "shared", **changes}
    return Model(name, **own)


def twins(*models: Model) -> Graph:
    return Graph(inputs=(TensorSpec("x", (2,)), TensorSpec("y", (2,)), INT),
                 models=models or (view("left", "x"), view("right", "y"),
                                   model("sum", {"l": "left:a", "r": "right:a"}, C)),
                 results=("right:a",))


def test_two_models_run_one_network_on_different_inputs():
    graph = twins()
    assert {name: model.name for name, model in graph.networks.items()} == {"shared": "left", "sum": "sum"}
    assert list(graph.networks) == ["shared", "sum"]
    assert graph.models_of(("shared",)) == ("left", "right") and graph.models_of(("left",)) == ()
    assert graph.upto(("right:a",)).networks["shared"].name == "right"
    runners = {name: lambda x: (2 * x,) for name in ("left", "right")} | {"sum": lambda a, b: (a + b,)}
    inputs = {name: np.full((1, 2), value) for name, value in (("x", 1.0), ("y", 5.0))}
    results = replace(graph, results=("left:a", "sum:c")).run(runners, {**inputs, "labels": np.zeros((1, 3))})
    assert results["left:a"][0, 0] == 2 and results["sum:c"][0, 0] == 12


def test_every_model_is_its_own_network_by_default():
    graph = diamond()
    assert graph.models_of(("right", "join")) == ("right", "join")
    assert {name: model.file for name, model in graph.networks.items()} == {
        "left": "Finalleft", "right": "Finalright", "join": "Finaljoin", "other": "Finalother"}


def test_manifests_carry_the_network():
    saved = json.loads(json.dumps(twins().as_dict()))
    assert [entry["network"] for entry in saved["models"]] == ["shared", "shared", "sum"]
    assert Graph.from_dict(saved) == twins()
    for entry in saved["models"]:
        del entry["network"]  # as the package wrote them before
    with pytest.raises(ValueError, match="different files"):
        Graph.from_dict(saved)
    saved["models"][1]["file"] = "FinalOtherNet"
    assert list(Graph.from_dict(saved).networks) == ["left", "right", "sum"]


@pytest.mark.parametrize("changes", [
    {"file": "FinalRightNet"}, {"outputs": (A, B)}, {"inputs": (Wire("image", "input:y"),)},
    {"inputs": (Wire("in", "input:labels"),)}])
def test_models_of_one_network_are_one_file(changes):
    with pytest.raises(ValueError, match="model right must have the file, inputs and outputs of left"):
        twins(view("left", "x"), view("right", "y", **changes))


def test_a_file_holds_one_network():
    with pytest.raises(ValueError, match="networks shared, right must have different files"):
        twins(view("left", "x"), view("right", "y", network=None))
