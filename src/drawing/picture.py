# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The drawing of a network's blocks with matplotlib, the same bytes on every run."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path as Curve
from matplotlib.textpath import TextPath

from src.drawing.blocks import CONV, DENSE, INPUT, JOIN, OUTPUT, POINTWISE, RESAMPLE, Block
from src.drawing.layout import Box, Layout, Point, lay_out

_LEGEND = "right in a block: channels and size of what it makes, number of its parameters"
_FILLS = {INPUT: "#fff3c4", OUTPUT: "#fff3c4", CONV: "#d6e6f8", DENSE: "#e4daf4", RESAMPLE: "#d8efdc",
          JOIN: "#ffffff", POINTWISE: "#ececec"}
# Text stays text, in matplotlib's own font or, where a viewer has none of it, one as wide or less wide.
_STYLE = {"svg.hashsalt": "network", "svg.fonttype": "none", "text.hinting": "none",
          "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"]}
_LINE, _FAINT, _BAND = "#44546a", "#5b6675", "#f6f7f9"
_NAME = FontProperties(family="sans-serif", size=7.5, weight="bold")
_TEXT = FontProperties(family="sans-serif", size=7)
_TITLE = FontProperties(family="sans-serif", size=10, weight="bold")
_ONE_LINE, _TWO_LINES = 0.24, 0.4  # heights of boxes in inches
_PAD, _SPACE = 0.07, 0.15  # inside a box: at its ends, between left and right text
_HEAD = 0.75  # height of title and column heads in inches
_RADIUS = 0.06  # of an arrow's corners in inches

Line = tuple[str, str, FontProperties]  # left text, right text, font of the left one


def draw(title: str, blocks: Sequence[Block], size_text: Callable[[int, int], str], path: Path) -> None:
    """Draw a network into a file, SVG or PNG by its suffix.

    Args:
        title: above the picture.
        blocks: as `src.drawing.blocks.blocks_of` makes them.
        size_text: text for a map's size (height, width).
        path: the file.
    """
    lines = {block: _lines(block, size_text) for block in blocks}
    width = 2 * _PAD + max(_width(left, font) + (right != "") * (_SPACE + _width(right, _TEXT))
                           for rows in lines.values() for left, right, font in rows)
    heights = {block: _TWO_LINES if len(rows) > 1 else _ONE_LINE for block, rows in lines.items()}
    layout = lay_out(blocks, width, heights)
    size = (max(layout.width, _width(title, _TITLE), _width(_LEGEND, _TEXT)) + 0.2,
            layout.height + _HEAD + 0.2)
    with rc_context(_STYLE):
        figure = Figure(figsize=size, facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(-0.1, size[0] - 0.1), ylim=(layout.height + 0.1, -_HEAD - 0.1))
        axes.axis("off")
        axes.text(0, 0.15 - _HEAD, title, fontproperties=_TITLE)
        axes.text(0, 0.32 - _HEAD, _LEGEND, fontproperties=_TEXT, color=_FAINT)
        _draw_columns(axes, layout)
        for points in layout.arrows.values():
            axes.add_patch(FancyArrowPatch(path=_rounded(points), arrowstyle="-|>", mutation_scale=6,
                                           linewidth=0.9, color=_LINE, joinstyle="miter"))
        for block, rows in lines.items():
            _draw_block(axes, block, layout.boxes[block], rows)
        # a day or a version in the file would make every drawing another one
        unsigned = {"Date": None, "Creator": None} if path.suffix == ".svg" else {"Software": None}
        figure.savefig(path, dpi=150, metadata=unsigned)


def _lines(block: Block, size_text: Callable[[int, int], str]) -> list[Line]:
    """Return a block's lines of text."""
    shape = str(block.shape[0])
    if len(block.shape) == 3:
        shape += " \N{MULTIPLICATION SIGN} " + size_text(*block.shape[1:])
    does = ", ".join(block.texts)
    if not block.name:
        return [(does, shape, _TEXT)]
    lines = [(block.name, shape, _NAME)]
    if does:
        count = "same weights" if block.shares else f"{block.parameters:,}" if block.parameters else ""
        lines.append((does, count, _TEXT))
    return lines


def _width(text: str, font: FontProperties) -> float:
    """Return a text's width in inches."""
    return TextPath((0, 0), text, prop=font).get_extents().width / 72 if text.strip() else 0.0


def _draw_columns(axes: Axes, layout: Layout) -> None:
    for level, (left, right) in layout.columns.items():
        axes.add_patch(Rectangle((left + 0.03, -0.3), right - left - 0.06, layout.height + 0.36, color=_BAND,
                                 linewidth=0))
        head = "full size" if level == 0 else f"1/{2 ** level} size"
        axes.text((left + right) / 2, -0.16, head, fontproperties=_TEXT, color=_FAINT, ha="center",
                  va="center_baseline")


def _draw_block(axes: Axes, block: Block, box: Box, rows: Sequence[Line]) -> None:
    left, top = box.x - box.width / 2, box.y - box.height / 2
    rounding = _ONE_LINE / 2 if block.kind in (INPUT, OUTPUT, JOIN) else 0.04
    axes.add_patch(FancyBboxPatch((left, top), box.width, box.height,
                                  boxstyle=f"round,pad=0,rounding_size={rounding}", linewidth=0.8,
                                  facecolor=_FILLS[block.kind], edgecolor=_LINE))
    for i, (text, right, font) in enumerate(rows):
        y = top + box.height * (i + 0.5) / len(rows) + (0.5 - i) * 0.03 * (len(rows) > 1)
        axes.text(left + _PAD, y, text, fontproperties=font, va="center_baseline")
        axes.text(left + box.width - _PAD, y, right, fontproperties=_TEXT, color=_FAINT, ha="right",
                  va="center_baseline")


def _rounded(points: list[Point]) -> Curve:
    """Return the line through these points with rounded corners."""
    vertices, codes = [points[0]], [Curve.MOVETO]
    for before, corner, after in zip(points, points[1:], points[2:]):
        vertices += [_towards(corner, before), corner, _towards(corner, after)]
        codes += [Curve.LINETO, Curve.CURVE3, Curve.CURVE3]
    return Curve([*vertices, points[-1]], [*codes, Curve.LINETO])


def _towards(corner: Point, other: Point) -> Point:
    """Return the point a corner's radius away from it, at most half of the way to `other`."""
    length = abs(other[0] - corner[0]) + abs(other[1] - corner[1])  # lines are upright or level
    share = min(_RADIUS / length, 0.5)
    return corner[0] + share * (other[0] - corner[0]), corner[1] + share * (other[1] - corner[1])
