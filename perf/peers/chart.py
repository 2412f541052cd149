"""Charts as SVG, by hand: rows of bars in groups, or of latency spans on one logarithmic axis.

A row's kind is its colour: Stator's stand out, and those whose puts are answered before they are safe stand back.
"""

import html
import math

WIDTH, LABEL_WIDTH, VALUE_WIDTH, MARGIN = 1000, 290, 150, 20
ROW_HEIGHT, GROUP_GAP, TITLE_HEIGHT = 22, 38, 56
LEFT, RIGHT = MARGIN + LABEL_WIDTH, WIDTH - MARGIN - VALUE_WIDTH
COLOURS = {"ours": "#d9480f", "theirs": "#8aa0b8", "unsafe": "#cfd8e1"}
GRID, INK = "#dde3ea", "#24292f"


def bars(title, note, groups):
    """Each group has a scale of its own. `groups`: (heading, [(label, value, text, kind)])."""
    def bar(row, rows, y):
        _, value, shown, kind = row
        width = max((RIGHT - LEFT) * value / max(other[1] for other in rows), 1)
        yield f'<rect x="{LEFT}" y="{y + 4}" width="{width:.1f}" height="{ROW_HEIGHT - 8}" rx="2" fill="{COLOURS[kind]}"/>'
        yield text(LEFT + width + 8, y + 15, shown, kind == "ours")
    return svg(title, note, groups, bar)


def spans(title, note, groups):
    """From the smallest to the greatest of each row's values, a dot for each. `groups`: (heading, [(label, values, text, kind)])."""
    every = [value for _, rows in groups for row in rows for value in row[1]]
    if not every:
        return ""
    low, high = math.floor(math.log10(min(every))), math.ceil(math.log10(max(every)))

    def x_of(value):
        return LEFT + (RIGHT - LEFT) * (math.log10(value) - low) / max(high - low, 1)

    def span(row, rows, y):
        _, values, shown, kind = row
        if row is rows[0]:
            for power in range(low, high + 1):
                x = x_of(10 ** power)
                yield f'<line x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{y + len(rows) * ROW_HEIGHT}" stroke="{GRID}"/>'
                yield text(x, y - 4, duration(10 ** power), False, size=10, anchor="middle")
        points = [x_of(value) for value in values]
        yield (f'<line x1="{points[0]:.1f}" y1="{y + 11}" x2="{points[-1]:.1f}" y2="{y + 11}" stroke="{COLOURS[kind]}" '
               'stroke-width="4" stroke-opacity="0.45"/>')
        for x in points:
            yield f'<circle cx="{x:.1f}" cy="{y + 11}" r="4.5" fill="{COLOURS[kind]}"/>'
        yield text(RIGHT + 12, y + 15, shown, kind == "ours")
    return svg(title, note, groups, span)


def svg(title, note, groups, draw):
    """The picture; empty when there is nothing to show."""
    if not groups:
        return ""
    lines, y = [], TITLE_HEIGHT
    for heading, rows in groups:
        y += GROUP_GAP
        lines.append(text(MARGIN, y - 8, heading, True))
        for row in rows:
            lines.append(text(LEFT - 10, y + 15, row[0], row[3] == "ours", anchor="end"))
            lines += draw(row, rows, y)
            y += ROW_HEIGHT
    height = y + MARGIN
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            f'font-family="system-ui, sans-serif"><title>{html.escape(title)}</title>',
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>', text(MARGIN, 30, title, True, size=18),
            text(MARGIN, 50, note, False)]
    return "\n".join([*head, *lines, "</svg>", ""])


def text(x, y, content, is_bold, size=12.5, anchor="start"):
    weight = "600" if is_bold else "400"
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" '
            f'fill="{INK}">{html.escape(content)}</text>')


def duration(microseconds):
    """`25 us`, `1.2 ms`."""
    for unit, size in [("s", 1e6), ("ms", 1e3)]:
        if microseconds >= size:
            return f"{microseconds / size:.3g} {unit}"
    return f"{microseconds:.3g} us"
