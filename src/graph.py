# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The graph of deployable models: what a method exports, and where each model's inputs come from.

The exporter, preprocess.py, the C++ program, postprocess.py, eval.py and infer.py all read a method from
here, so that all of them run the same models in the same order on the same tensors. It holds no MindSpore
object.

A dimension of a tensor is a number, or the name of one that is free, as in ONNX: the networks of a fully
convolutional method take any height "H" and width "W". The inputs' sizes settle all names (`Graph.bind`).
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from src.errors import UserError

DTYPES = {"float32": np.float32, "int32": np.int32}


@dataclass(frozen=True)
class TensorSpec:
    """A named tensor; `shape` is without the leading batch dimension, of numbers and names."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str = "float32"

    def bind(self, sizes: Mapping[str, int]) -> TensorSpec:
        """Return the tensor with numbers for the names in its shape."""
        return replace(self, shape=tuple(sizes[dim] if isinstance(dim, str) else dim for dim in self.shape))


@dataclass(frozen=True)
class Wire:
    """One input of a model: `source` is "input:<name>" (a file of the sample) or "<model>:<output>"."""

    name: str
    source: str


@dataclass(frozen=True)
class Model:
    """One run of an exported network, its inputs in the order of the network's `construct`.

    Attributes:
        name: of the run; the sources of wires and the results begin with it.
        file: the stem of the network's files.
        inputs, outputs: named tensors.
        network: the key of `Method.build_networks`, `name` by default. Models of one network run the same
            weights, from one file, on different inputs.

    Raises:
        ValueError: two of its inputs and outputs share a name (ONNX has one namespace for both).
    """

    name: str
    file: str
    inputs: tuple[Wire, ...]
    outputs: tuple[TensorSpec, ...]
    network: str | None = None

    def __post_init__(self):
        object.__setattr__(self, "network", self.network or self.name)
        names = [tensor.name for tensor in (*self.inputs, *self.outputs)]
        if len(set(names)) < len(names):
            raise ValueError(f"model {self.name}: {names} must be different names")


@dataclass(frozen=True)
class Graph:
    """Models in an order in which they can run; `results` are the tensors that leave the graph.

    Raises:
        ValueError: a wire names a tensor that is not there yet, an output has a free dimension that no input
            has, or models of one network differ in their file or in the tensors that they take and make.
    """

    inputs: tuple[TensorSpec, ...]
    models: tuple[Model, ...]
    results: tuple[str, ...]

    def __post_init__(self):
        known = {f"input:{spec.name}" for spec in self.inputs}
        for model in self.models:
            missing = [wire.source for wire in model.inputs if wire.source not in known]
            if missing:
                raise ValueError(f"model {model.name} reads {missing}, which nothing before it makes")
            known |= {f"{model.name}:{spec.name}" for spec in model.outputs}
        if not set(self.results) <= known:
            raise ValueError(f"results {set(self.results) - known} are made by no model")
        loose = _names(spec for model in self.models for spec in model.outputs) - _names(self.inputs)
        if loose:
            raise ValueError(f"free dimensions {loose} are of no input")
        self._check_files()

    def _check_files(self) -> None:
        """Refuse models that no one file per network can serve."""
        def exported(model: Model) -> tuple:
            return model.file, self.input_specs(model), model.outputs

        networks = self.networks
        for model in self.models:
            if exported(model) != exported(networks[model.network]):
                raise ValueError(f"model {model.name} must have the file, inputs and outputs of "
                                 f"{networks[model.network].name}, which runs {model.network} too")
        if len({model.file for model in networks.values()}) < len(networks):
            raise ValueError(f"networks {', '.join(networks)} must have different files")

    @property
    def networks(self) -> dict[str, Model]:
        """Every network once, with the first of the models that run it."""
        found: dict[str, Model] = {}
        for model in self.models:
            found.setdefault(model.network, model)
        return found

    def sizes(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
        """Return the sizes of the free dimensions, by name.

        Args:
            shapes: of the inputs, by name, without batch dimension.

        Raises:
            UserError: an input's shape is not the graph's, or not that of the inputs before it.
        """
        sizes: dict[str, int] = {}
        for spec in self.inputs:
            shape = shapes[spec.name]
            if len(shape) == len(spec.shape):
                for dim, size in zip(spec.shape, shape):
                    if isinstance(dim, str):
                        sizes.setdefault(dim, size)
                spec = spec.bind(sizes)
            if shape != spec.shape:
                raise UserError(f"input {spec.name} is {shape}, not {spec.shape} as the networks take it")
        return sizes

    def bind(self, sizes: Mapping[str, int]) -> Graph:
        """Return the graph at these sizes of its free dimensions."""
        models = (replace(model, outputs=tuple(spec.bind(sizes) for spec in model.outputs))
                  for model in self.models)
        return replace(self, inputs=tuple(spec.bind(sizes) for spec in self.inputs), models=tuple(models))

    def spec(self, source: str) -> TensorSpec:
        """Return the tensor that a wire's source or a result names."""
        owner, name = source.split(":", 1)
        specs = self.inputs if owner == "input" else self.model(owner).outputs
        return next(spec for spec in specs if spec.name == name)

    def model(self, name: str) -> Model:
        """Return the model called `name`."""
        return next(model for model in self.models if model.name == name)

    def input_specs(self, model: Model) -> tuple[TensorSpec, ...]:
        """Return the tensors that a model takes, under the model's own names for them."""
        sources = [self.spec(wire.source) for wire in model.inputs]
        return tuple(TensorSpec(wire.name, source.shape, source.dtype)
                     for wire, source in zip(model.inputs, sources))

    def upto(self, results: tuple[str, ...]) -> Graph:
        """Return the smallest graph that makes these results."""
        needed, kept = set(results), []
        for model in reversed(self.models):
            if any(f"{model.name}:{spec.name}" in needed for spec in model.outputs):
                kept.append(model)
                needed |= {wire.source for wire in model.inputs}
        inputs = tuple(spec for spec in self.inputs if f"input:{spec.name}" in needed)
        return Graph(inputs, tuple(reversed(kept)), tuple(results))

    def results_of(self, models: tuple[str, ...]) -> tuple[str, ...]:
        """Return the results that these models make."""
        return tuple(result for result in self.results if result.split(":", 1)[0] in models)

    def models_of(self, networks: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names of the models that run these networks."""
        return tuple(model.name for model in self.models if model.network in networks)

    def run(self, runners: Mapping[str, Callable[..., tuple[np.ndarray, ...]]],
            inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run every model once.

        Args:
            runners: for each model, a function from its inputs (batch first) to its outputs.
            inputs: batches (N, *shape) by the names in `self.inputs`.

        Returns:
            the tensors named by `results`.

        Raises:
            UserError: the inputs' shapes are not the graph's.
            ValueError: a model does not make what the graph says.
        """
        bound = self.bind(self.sizes({name: value.shape[1:] for name, value in inputs.items()}))
        tensors = {f"input:{name}": value for name, value in inputs.items()}
        for model in bound.models:
            outputs = runners[model.name](*(tensors[wire.source] for wire in model.inputs))
            made, promised = [value.shape[1:] for value in outputs], [spec.shape for spec in model.outputs]
            if made != promised:
                raise ValueError(f"model {model.name} makes {made}, its graph says {promised}")
            tensors.update({f"{model.name}:{spec.name}": value
                            for spec, value in zip(model.outputs, outputs)})
        return {name: tensors[name] for name in self.results}

    def as_dict(self) -> dict:
        """Return the graph as manifest.json holds it."""
        def tensor(spec: TensorSpec) -> dict:
            return {"name": spec.name, "dtype": spec.dtype, "shape": list(spec.shape)}

        models = [{"name": m.name, "file": m.file, "network": m.network,
                   "inputs": [{"name": w.name, "from": w.source} for w in m.inputs],
                   "outputs": [tensor(spec) for spec in m.outputs]} for m in self.models]
        return {"inputs": [tensor(spec) for spec in self.inputs], "models": models,
                "results": list(self.results)}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Graph:
        """Return the graph that `as_dict` was taken from."""
        def tensors(specs: list) -> tuple[TensorSpec, ...]:
            return tuple(TensorSpec(spec["name"], tuple(spec["shape"]), spec["dtype"]) for spec in specs)

        models = (Model(m["name"], m["file"], tuple(Wire(w["name"], w["from"]) for w in m["inputs"]),
                        tensors(m["outputs"]), m.get("network")) for m in saved["models"])
        return cls(tensors(saved["inputs"]), tuple(models), tuple(saved["results"]))


def _names(specs: Iterable[TensorSpec]) -> set[str]:
    """Return the names of the free dimensions of some tensors."""
    return {dim for spec in specs for dim in spec.shape if isinstance(dim, str)}
