# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Where a network's blocks and arrows stand: rows follow the flow, columns the size of the maps.

Each row is below everything that its blocks take from. Each halving of the maps is a column further to the
right, so that a U-shaped net goes right while it encodes and comes back while it decodes. An arrow leaves a
block at its bottom; where another block is below, it goes down a lane to the left of its column.

Lengths are in inches, y grows downwards.
"""
from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from src.drawing.blocks import INPUT, Block

_ROW_GAP = 0.2
_LANE = 0.14  # between lanes, and between a column's lanes and its boxes
_MARGIN = 0.1  # of a column
_ARRIVALS = 0.1  # between arrows that meet the same side of a box

Point = tuple[float, float]


@dataclass(frozen=True)
class Place:
    """A block's column, slot (place side by side) within the column, and row."""

    column: int
    slot: int
    row: int

    @property
    def beside(self) -> tuple[int, int]:
        """Column and slot, which order places from left to right."""
        return self.column, self.slot


@dataclass(frozen=True)
class Box:
    """A block's middle and size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """A picture without its drawing.

    Attributes:
        boxes: of the blocks.
        arrows: the corners of each, by (from, to).
        columns: left and right end of each column by its level: how often maps are halved there.
        width, height: of the whole.
    """

    boxes: Mapping[Block, Box]
    arrows: Mapping[tuple[Block, Block], list[Point]]
    columns: Mapping[int, tuple[float, float]]
    width: float
    height: float


def lay_out(blocks: Sequence[Block], width: float, heights: Mapping[Block, float]) -> Layout:
    """Lay out blocks that are all `width` wide."""
    levels = _levels(blocks)
    used = sorted(set(levels.values()))
    places = _places(blocks, {block: used.index(level) for block, level in levels.items()})
    lanes = _lanes(blocks, places)
    middles, ends = _across(places, lanes, width)
    rows_y, height = _down(places, heights)
    boxes = {block: Box(middles[place.beside], rows_y[place.row], width, heights[block])
             for block, place in places.items()}
    arrows = {(source, target): _route(source, target, places, boxes, lanes)
              for target in blocks for source in target.inputs}
    _spread_arrivals(arrows)
    return Layout(boxes, arrows, dict(zip(used, ends)), ends[-1][1], height)


def _levels(blocks: Sequence[Block]) -> dict[Block, int]:
    """Return how often the first input's height is halved in each block; vectors stay where they arise."""
    full = blocks[0].shape[-2]
    levels: dict[Block, int] = {}
    for block in blocks:
        is_map = len(block.shape) == 3
        levels[block] = (max(0, round(math.log2(full / block.shape[-2]))) if is_map
                         else levels[block.inputs[0]] if block.inputs else 0)
    return levels


def _places(blocks: Sequence[Block], columns: Mapping[Block, int]) -> dict[Block, Place]:
    """Give each block the first free place below its sources, in the slot of one of them if it can be.

    A column has a slot for each of the network's inputs in it, at least one. A place is free where no block
    stands, and where no arrow into a block's side runs through a block.
    """
    entered = [columns[block] for block in blocks if block.kind == INPUT]
    places: dict[Block, Place] = {}
    for block in blocks:
        column = columns[block]
        sources = [places[source] for source in block.inputs]
        above = {place.slot for place in sources if place.column == column}
        slots = sorted(range(max(1, entered.count(column))), key=lambda slot, above=above: slot not in above)
        row = 1 + max((place.row for place in sources), default=-1)
        candidates = (Place(column, slot, below) for below in itertools.count(row) for slot in slots)
        places[block] = next(place for place in candidates if _is_free(place, sources, places))
    return places


def _is_free(place: Place, sources: Sequence[Place], places: Mapping[Block, Place]) -> bool:
    through_it = any(_runs_through(places[source], there, place)
                     for block, there in places.items() for source in block.inputs)
    through_others = any(_runs_through(source, place, there)
                         for source in sources for there in places.values())
    return place not in places.values() and not through_it and not through_others


def _runs_through(source: Place, target: Place, place: Place) -> bool:
    """Tell whether an arrow into the target's side runs through a place of its row."""
    low, high = sorted((source.beside, target.beside))
    return place.row == target.row and place != target and low < high and low <= place.beside <= high


def _is_clear(source: Block, target: Block, places: Mapping[Block, Place]) -> bool:
    """Tell whether no other block is below the source, down to the target's row."""
    start, end = places[source], places[target]
    return not any(place.beside == start.beside and start.row < place.row <= end.row
                   for block, place in places.items() if block is not target)


def _lanes(blocks: Sequence[Block], places: Mapping[Block, Place]) -> dict[Block, int]:
    """Return the lanes of blocks whose way down is not clear; lane 0 is next to the column."""
    spans: dict[Block, range] = {}
    for target in sorted(blocks, key=lambda block: places[block].row):
        for source in target.inputs:
            if not _is_clear(source, target, places):
                spans[source] = range(places[source].row, places[target].row)  # down to the last target
    lanes: dict[Block, int] = {}
    for source in sorted(spans, key=lambda block: len(spans[block])):
        place, span = places[source], spans[source]
        beside = {lane for other, lane in lanes.items()
                  if places[other].beside == place.beside
                  and spans[other].start < span.stop and span.start < spans[other].stop}
        lanes[source] = next(lane for lane in range(len(spans)) if lane not in beside)
    return lanes


def _across(places: Mapping[Block, Place], lanes: Mapping[Block, int],
            width: float) -> tuple[dict[tuple[int, int], float], list[tuple[float, float]]]:
    """Return the middle of each (column, slot), and both ends of each column."""
    x, middles, ends = 0.0, {}, []
    for column, slot in sorted({place.beside for place in places.values()}):
        left = x
        count = max((lane + 1 for block, lane in lanes.items() if places[block].beside == (column, slot)),
                    default=0)
        middles[column, slot] = x + _MARGIN + _LANE * (count + 1) + width / 2
        x = middles[column, slot] + width / 2 + _MARGIN
        ends = [*ends, (left, x)] if slot == 0 else [*ends[:-1], (ends[-1][0], x)]
    return middles, ends


def _down(places: Mapping[Block, Place], heights: Mapping[Block, float]) -> tuple[list[float], float]:
    """Return the middle of each row, and the height of all."""
    middles, y = [], 0.0
    for row in range(1 + max(place.row for place in places.values())):
        height = max((heights[block] for block, place in places.items() if place.row == row), default=0.0)
        middles.append(y + height / 2)
        y += height + _ROW_GAP
    return middles, y - _ROW_GAP


def _route(source: Block, target: Block, places: Mapping[Block, Place], boxes: Mapping[Block, Box],
           lanes: Mapping[Block, int]) -> list[Point]:
    """Return an arrow's corners: straight down, or down and into the target's side."""
    start, end = boxes[source], boxes[target]
    points = [(start.x, start.y + start.height / 2)]
    if not _is_clear(source, target, places):
        below = points[0][1] + _ROW_GAP / 2
        lane_x = start.x - start.width / 2 - _LANE * (1 + lanes[source])
        points += [(start.x, below), (lane_x, below)]
    elif start.x == end.x:
        return [*points, (end.x, end.y - end.height / 2)]
    turn_x = points[-1][0]
    side = -1 if turn_x < end.x else 1
    return [*points, (turn_x, end.y), (end.x + side * end.width / 2, end.y)]


def _spread_arrivals(arrows: dict[tuple[Block, Block], list[Point]]) -> None:
    """Let arrows that meet at a box's side arrive below each other, the nearest first: none crosses."""
    meeting: dict[Point, list[list[Point]]] = {}
    for points in arrows.values():
        if points[-2][1] == points[-1][1]:
            meeting.setdefault(points[-1], []).append(points)
    for (x, y), group in meeting.items():
        group.sort(key=lambda points, x=x: abs(points[-2][0] - x))
        for i, points in enumerate(group):
            at = y + (i - (len(group) - 1) / 2) * _ARRIVALS
            points[-2:] = [(points[-2][0], at), (x, at)]
