"""Plain loops that say what the vectorised functions must say. Slow, and meant to be read."""

import math
import statistics


def run_lengths(row):
    """(length, start) at each sample of one series."""
    out, last, length, start = [], None, 0, 0
    for i, value in enumerate(row):
        if not math.isnan(value):
            if last is not None and value == last:
                length += 1
            else:
                length, start = 1, i
            last = value
        out.append((length, start))
    return out


def window_moments(row, width):
    """(mean, variance, half mean squared step) of windows ending at each sample, `None` where too little is there."""
    out = []
    for end in range(1, len(row) + 1):
        first = end - width
        if first < 0:
            out.append(None)
            continue
        values = [v for v in row[first:end] if not math.isnan(v)]
        steps = [
            row[i] - row[i - 1]
            for i in range(first, end)
            if i > 0 and not math.isnan(row[i]) and not math.isnan(row[i - 1])
        ]
        if len(values) < max(3, 0.5 * width) or len(steps) < max(2, 0.4 * width):
            out.append(None)
            continue
        mean = sum(values) / len(values)
        out.append(
            (mean, sum((v - mean) ** 2 for v in values) / len(values), sum(s * s for s in steps) / (2 * len(steps)))
        )
    return out


def correlation_of_changes(one, other, large):
    """About zero, of pairs in which both are known; both of a pair divided by the excess of the larger over `large`."""
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if not (math.isnan(a) or math.isnan(b))]
    pairs = [(a / excess, b / excess) for a, b in pairs for excess in [max(abs(a) / large, abs(b) / large, 1.0)]]
    ab = sum(a * b for a, b in pairs)
    return ab / math.sqrt(sum(a * a for a, _ in pairs) * sum(b * b for _, b in pairs))


def visits_to_maximum(row):
    """(maximum, how often it is reached anew)."""
    top = max(v for v in row if not math.isnan(v))
    visits, inside = 0, False
    for value in row:
        visits += value == top and not inside
        inside = value == top
    return top, visits


def visits_above(row, edge):
    """How often a row enters the region at or above an edge."""
    visits, inside = 0, False
    for value in row:
        visits += value >= edge and not inside
        inside = value >= edge
    return visits


def earlier_equal(row, width):
    """(sample, lag) of each complete, moving window that has an equal one before it, the latest of those."""
    found = []
    windows = {}
    for end in range(width, len(row) + 1):
        window = tuple(row[end - width : end])
        steps = [abs(row[i] - row[i - 1]) > 0 for i in range(max(end - width, 1), end)]
        if any(math.isnan(v) for v in window) or sum(steps) < width // 2:
            continue
        if window in windows and end - 1 - windows[window] >= width:
            found.append((end - 1, end - 1 - windows[window]))
        windows[window] = end - 1
    return found


def projection_residual(query, earlier):
    """Mean square of query − a·earlier with the best a."""
    a = sum(q * e for q, e in zip(query, earlier, strict=True)) / sum(e * e for e in earlier)
    return sum((q - a * e) ** 2 for q, e in zip(query, earlier, strict=True)) / len(query)


def block_maxima(row, honest, block):
    """Maximum of the honest scores of each block, −inf where none."""
    out = {}
    for score, is_honest, name in zip(row, honest, block, strict=True):
        out.setdefault(name, -math.inf)
        if is_honest and not math.isnan(score):
            out[name] = max(out[name], score)
    return [out[name] for name in sorted(out)]


def held_together(length, start, nats, live, regulated):
    """(channels held together, since when) at each moment: the largest group of like starts that qualifies."""
    out = []
    for moment in range(length.shape[1]):
        best = (0, 0)
        for anchor in range(len(length)):
            if not live[anchor] or length[anchor, moment] <= 2:
                continue
            group = [
                row
                for row in range(len(length))
                if live[row] and length[row, moment] > 2 and abs(start[row, moment] - start[anchor, moment]) <= 1
            ]
            needed = 0.75 * sum(live) if any(regulated[row] for row in group) else 3
            if len(group) >= max(3, needed) and sum(nats[row, moment] for row in group) >= 15 and len(group) > best[0]:
                best = (len(group), int(start[anchor, moment]))
        out.append(best)
    return out


def coarser_steps(values, step, n_reference, factors=(2, 5, 10)):
    """(nats, start, factor) at each sample of one row."""
    out = []
    places = [None if math.isnan(v) else round(v / step) for v in values]
    for now in range(len(values)):
        best = (0.0, 0, 1)
        for factor in factors:
            changes = on_grid = count = since = 0
            last = None
            for index, place in enumerate(places):
                if place is None:
                    continue
                is_change = place != last
                last = place
                if index < n_reference:
                    changes += is_change
                    on_grid += is_change and place % factor == 0
                if index <= now:
                    if place % factor:
                        count, since = 0, index + 1
                    else:
                        count += is_change
            nats = count * -math.log((on_grid + 1) / (changes + 2)) if changes >= 50 else 0.0
            if nats > best[0] + 1e-12:
                best = (nats, since, factor)
        out.append(best)
    return out


def usual_at_level(levels: list[float], scatters: list[float], level: float, step: float) -> float:
    """A power of the level fitted to some windows, at another level."""
    x = [math.log(max(one, step)) for one in levels]
    y = [math.log(max(one, step / 4)) for one in scatters]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    covariance = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / len(x)
    slope = min(max(covariance / (sum((a - mean_x) ** 2 for a in x) / len(x) + 0.01), 0.0), 2.0)
    middle = statistics.median(b - slope * a for a, b in zip(x, y, strict=True))
    return math.exp(middle + slope * min(math.log(max(level, step)), max(x)))
