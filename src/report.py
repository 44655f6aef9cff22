# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""One self-contained HTML file of figures, training curves and pictures."""
from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path

from src.files import write_text

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; \
color: #222; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
img, svg { max-width: 100%; height: auto; }
figcaption { color: #555; }
"""


class Report:
    """Collects the parts of a page and writes it."""

    def __init__(self, title: str):
        self.title = title
        self._parts: list[str] = [f"<h1>{html.escape(title)}</h1>"]

    def text(self, text: str) -> None:
        """Add a paragraph."""
        self._parts.append(f"<p>{html.escape(text)}</p>")

    def heading(self, text: str) -> None:
        """Add a heading."""
        self._parts.append(f"<h2>{html.escape(text)}</h2>")

    def table(self, rows: Mapping[str, Mapping[str, float]]) -> None:
        """Add a table: a row a name, a column a figure."""
        columns = list(dict.fromkeys(name for row in rows.values() for name in row))
        head = "".join(f"<th>{html.escape(name)}</th>" for name in ["", *columns])
        body = "".join(
            f"<tr><td>{html.escape(name)}</td>"
            + "".join(f"<td>{row[c]:.4f}</td>" if c in row else "<td></td>" for c in columns) + "</tr>"
            for name, row in rows.items())
        self._parts.append(f"<table><tr>{head}</tr>{body}</table>")

    def picture(self, path: Path, caption: str) -> None:
        """Add a PNG, embedded."""
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        self._parts.append(f'<figure><img src="data:image/png;base64,{data}" alt="{html.escape(caption)}">'
                           f"<figcaption>{html.escape(caption)}</figcaption></figure>")

    def curve(self, values: Sequence[tuple[float, float]], caption: str, width: int = 640,
              height: int = 200) -> None:
        """Add a curve of (x, y) points with its axes' ends labelled."""
        if len(values) < 2:
            return
        xs, ys = zip(*values)
        low, high, right = min(0.0, *ys), max(ys), max(xs) or 1
        span = (high - low) or 1.0
        points = " ".join(f"{50 + (width - 60) * x / right:.1f},{10 + (height - 30) * (high - y) / span:.1f}"
                          for x, y in values)
        labels = "".join(f'<text x="{x}" y="{y}" font-size="11" text-anchor="{anchor}">{text}</text>'
                         for x, y, anchor, text in ((45, 15, "end", f"{high:.3g}"),
                                                    (45, height - 20, "end", f"{low:.3g}"),
                                                    (width - 10, height - 4, "end", f"step {right:g}")))
        frame = f'<path d="M50 10 V{height - 20} H{width - 10}" fill="none" stroke="#999"/>'
        self._parts.append(f'<figure><svg viewBox="0 0 {width} {height}" width="{width}">{frame}{labels}'
                           f'<polyline points="{points}" fill="none" stroke="#2a6f97" stroke-width="1.5"/>'
                           f"</svg><figcaption>{html.escape(caption)}</figcaption></figure>")

    def write(self, path: str | Path) -> None:
        """Write the page."""
        write_text(path, f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
                         f'content="width=device-width"><title>{html.escape(self.title)}</title>'
                         f"<style>{_STYLE}</style></head><body>{''.join(self._parts)}</body></html>\n")
