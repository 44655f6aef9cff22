# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Samples prepared for the C++ program, and its results read back: img_data/, label/, manifest.json."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from src.datasets.loader import ahead
from src.errors import UserError
from src.evaluation import chosen_protocols
from src.files import atomic_path, write_bytes, write_json
from src.graph import DTYPES, Graph
from src.method import Method, Sample

FORMAT, VERSION = "depth-manifest", 1


def write_bundle(method: Method, folder: Path) -> int:
    """Write the evaluation set's inputs, labels and the manifest; return the number of samples.

    img_data/<name>_<k>.bin is the k-th input of the graph, label/<name>.bin the truth (H, W) float32 in
    metres with 0 = no reading, label/<name>_<key>.npy what the method needs beside it. The manifest is
    written last, so that a folder with a manifest is whole.
    """
    settings = method.settings
    if settings.flip_average:
        raise UserError("the C++ program runs each picture once: --flip_average is eval.py's alone")
    samples = method.eval_samples()
    total = min(len(samples), settings.limit or len(samples))
    (folder / "manifest.json").unlink(missing_ok=True)
    entries, unbound = [], method.graph.upto(method.graph.results)
    reader = ahead(samples, range(total), settings.num_parallel_workers)
    for sample in tqdm(reader, total=total, unit="image", disable=None):
        sizes = _sizes_of(sample, unbound)
        if not entries:
            first, graph = sizes, unbound.bind(sizes)
        if sizes != first:
            raise UserError(f"sample {sample.name} has {_sizes_text(sizes)}, {entries[0]['name']} has "
                            f"{_sizes_text(first)}: the C++ program runs one size; list the samples of each "
                            "size in a file of its own and prepare one after the other with --data_list")
        entries.append(_write_sample(sample, graph, folder))
    manifest = {"format": FORMAT, "version": VERSION, "method": method.name, **graph.as_dict(),
                "samples": entries,
                "label": {"dtype": "float32", "unit": "m", "valid": "values above 0"},
                "protocols": [protocol.as_dict() for protocol in chosen_protocols(method)],
                "settings": settings.plain()}
    write_json(folder / "manifest.json", manifest)
    return total


def _sizes_of(sample: Sample, graph: Graph) -> dict[str, int]:
    try:
        return graph.sizes({name: values.shape for name, values in sample.inputs.items()})
    except UserError as error:
        raise UserError(f"sample {sample.name}: {error}") from None


def _sizes_text(sizes: dict[str, int]) -> str:
    return ", ".join(f"{name} {size}" for name, size in sizes.items())


def _write_sample(sample: Sample, graph: Graph, folder: Path) -> dict[str, Any]:
    """Write one sample's files; return what the manifest says of it."""
    for k, spec in enumerate(graph.inputs):
        values = np.ascontiguousarray(sample.inputs[spec.name], DTYPES[spec.dtype])
        write_bytes(folder / "img_data" / f"{sample.name}_{k}.bin", values.tobytes())
    write_bytes(folder / "label" / f"{sample.name}.bin", sample.truth_m.astype(np.float32).tobytes())
    return {"name": sample.name, "label_shape": list(sample.truth_m.shape),
            "extras": _write_extras(sample, folder / "label")}


def _write_extras(sample: Sample, folder: Path) -> list[str]:
    for key, values in sample.extras.items():
        with atomic_path(folder / f"{sample.name}_{key}.npy") as temporary:
            np.save(temporary, values)
    return list(sample.extras)


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest of `write_bundle`.

    Raises:
        UserError: it is missing, damaged or of another version.
    """
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"no {path}; run preprocess.py first, or give --label_file its label "
                        "folder") from None
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path} ({error}); run preprocess.py again") from None
    written = (manifest.get("format"), manifest.get("version")) if isinstance(manifest, dict) else None
    if written != (FORMAT, VERSION):
        raise UserError(f"{path} is no manifest of version {VERSION}; run preprocess.py again")
    return manifest


def read_results(method: Method, manifest: dict[str, Any], labels: Path,
                 results: Path) -> Iterator[tuple[Sample, dict[str, np.ndarray]]]:
    """Yield each sample with its network-size maps in metres, decoded from the C++ program's files.

    Raises:
        UserError: a file is missing or has another size (named).
    """
    graph = Graph.from_dict(manifest)
    for entry in manifest["samples"]:
        name = entry["name"]
        truth_m = _read_array(labels / f"{name}.bin", tuple(entry["label_shape"]), "float32")
        extras = {key: _read_extra(labels / f"{name}_{key}.npy") for key in entry["extras"]}
        sample = Sample(name, {}, None, truth_m, extras)
        maps = {}
        for k, result in enumerate(graph.results):
            spec = graph.spec(result)
            raw = _read_array(results / f"{name}_{k}.bin", spec.shape, spec.dtype)
            maps[result] = method.decode(result, raw, sample)
        yield sample, maps


def _read_extra(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"cannot read {path} ({error}); run preprocess.py again") from None


def _read_array(path: Path, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror}); did the C++ program run through?") from None
    expected = int(np.prod(shape)) * np.dtype(DTYPES[dtype]).itemsize
    if len(data) != expected:
        raise UserError(f"{path} has {len(data)} bytes, not {expected}; run the C++ program again")
    return np.frombuffer(data, DTYPES[dtype]).reshape(shape)
