"""What ensembles of networks and averages of weights bring to the default strategy.

Plain loops of the strategy for binary, MLP 64-32 with gelu, over the first rows of a stream, by which
it was decided what to build (docs/adr/0014-splines-not-ensembles.md):

  members.py FOLDER phishing   the first 500 rows, 10 seeds
  members.py FOLDER elec2      the first 9,000 rows, 3 seeds

Each line is a JSON object: a setting, and by number of members the prequential accuracy in per cent,
mean and standard deviation over the seeds. Members differ in their initial weights, and bagged ones in the
weights of their examples, too (Poisson of that mean; Oza and Russell 2001, Bifet et al. 2010). Each
learns by its own loss, and their probabilities are averaged.
"""

import csv
import gzip
import json
import math
import sys

import numpy as np
import torch

torch.set_num_threads(1)
torch.set_grad_enabled(False)

MEMBERS = (1, 3, 5, 10)
RATE, BETA1, BETA2, CLIP, RATIO, BETA, CAPACITY = 0.004, 0.1, 0.99, 10, 4, 0.1, 2000
STREAMS = {"phishing": ("phishing.csv", 500, 10), "elec2": ("elec2.csv.gz", 9000, 3)}


def load(folder, stream):
    """Rows, each standardised by those up to it, labels and the number of seeds."""
    name, rows, seeds = STREAMS[stream]
    read = gzip.open if name.endswith(".gz") else open
    with read(f"{folder}/{name}", "rt") as f:
        lines = csv.reader(f)
        next(lines)
        raw = np.array([[float(v) for v in line] for line, _ in zip(lines, range(rows))])
    x, y = np.zeros((rows, raw.shape[1] - 1), np.float32), raw[:, -1].astype(np.float32)
    mean, squares = 0, 0
    for i, row in enumerate(raw[:, :-1]):
        d = row - mean
        mean = mean + d / (i + 1)
        squares = squares + d * (row - mean)
        s = np.sqrt(squares / (i + 1))
        x[i] = np.where(s > 0, (row - mean) / np.where(s > 0, s, 1), 0)
    return x, y, seeds


def splined(x, k=9):
    """Rows with k hat functions of each number over knots from -2 to 2."""
    knots = np.linspace(-2, 2, k)
    hats = np.maximum(0, 1 - np.abs(np.clip(x, -2, 2)[:, :, None] - knots) * (k - 1) / 4)
    return np.concatenate([x, hats.reshape(len(x), -1)], 1).astype(np.float32)


def gelu(x):
    """Values and derivatives."""
    c = math.sqrt(2 / math.pi)
    t = torch.tanh(c * (x + 0.044715 * x**3))
    return 0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x)


class Memory:
    """Class-balancing reservoir sampling (Chrysakis and Moens 2020) of the rows of two classes."""

    def __init__(self, seed):
        self.r, self.rows, self.seen, self.full = np.random.default_rng(seed), [[], []], [0, 0], [False, False]

    def draw(self, n):
        both = self.rows[0] + self.rows[1]
        return [both[i] for i in self.r.choice(len(both), n, replace=False)]

    def add(self, row, c):
        own, other = self.rows[c], self.rows[1 - c]
        self.seen[c] += 1
        if len(own) + len(other) >= CAPACITY:
            if self.full[c]:
                if self.r.random() < len(own) / self.seen[c]:
                    own[self.r.integers(len(own))] = row
                return
            largest = own if len(own) > len(other) else other
            largest.pop(self.r.integers(len(largest)))
        own.append(row)
        if len(own) + len(other) == CAPACITY:
            most = max(len(own), len(other))
            self.full = [f or len(rows) == most for f, rows in zip(self.full, self.rows)]


def run(x, y, seeds, bag=0, average=0):
    """Probabilities before each label, seeds x members x rows. All networks learn side by side."""
    n, k = len(x), max(MEMBERS)
    nets, r, weights = seeds * k, torch.Generator().manual_seed(1), np.random.default_rng(2)
    sizes = [x.shape[1], 64, 32, 1]
    bounds = [1 / math.sqrt(i) for i in sizes[:-1]]
    p = [b * (2 * torch.rand(nets, i, o, generator=r) - 1) for b, i, o in zip(bounds, sizes, sizes[1:])]
    p += [b * (2 * torch.rand(nets, 1, o, generator=r) - 1) for b, o in zip(bounds, sizes[1:])]
    m, v, mean = ([torch.zeros_like(t) for t in p] for _ in range(3))
    memories = [Memory(s) for s in range(seeds)]
    x, y, out = torch.tensor(x), torch.tensor(y), np.zeros((seeds, k, n), np.float32)

    def forward(p, h):
        layers, slopes = [h], []
        for i in range(2):
            h, slope = gelu(torch.baddbmm(p[3 + i], h, p[i]))
            layers.append(h)
            slopes.append(slope)
        return torch.baddbmm(p[5], h, p[2]), layers, slopes

    for i in range(n):
        answering = [t / (1 - average**i) for t in mean] if average and i else p
        z, _, _ = forward(answering, x[i].expand(nets, 1, -1))
        out[:, :, i] = torch.sigmoid(z).view(seeds, k)
        drawn = min(RATIO, i)
        rows = torch.tensor([[i] + memory.draw(drawn) for memory in memories]).repeat_interleave(k, 0)
        w = np.ones((nets, 1 + drawn), np.float32)
        w[:, 1:] *= BETA / max(drawn, 1)
        if bag:
            w *= weights.poisson(bag, w.shape) / bag
        z, layers, slopes = forward(p, x[rows])
        d, g = (torch.sigmoid(z) - y[rows, None]) * torch.tensor(w)[:, :, None], [None] * 6
        for layer in (2, 1, 0):
            g[layer], g[3 + layer] = torch.bmm(layers[layer].transpose(1, 2), d), d.sum(1, keepdim=True)
            if layer:
                d = torch.bmm(d, p[layer].transpose(1, 2)) * slopes[layer - 1]
        norm = sum((t * t).sum((1, 2), keepdim=True) for t in g).sqrt()
        for t, a, b, c, step in zip(p, m, v, mean, g):
            step = step * (CLIP / (norm + 1e-12)).clamp(max=1)
            a.mul_(BETA1).add_(step, alpha=1 - BETA1)
            b.mul_(BETA2).addcmul_(step, step, value=1 - BETA2)
            t.sub_(RATE * (a / (1 - BETA1 ** (i + 1))) / ((b / (1 - BETA2 ** (i + 1))).sqrt() + 1e-8))
            c.mul_(average).add_(t, alpha=1 - average)
        for memory in memories:
            memory.add(i, int(y[i]))
    return out


def main(folder, stream):
    x, y, seeds = load(folder, stream)
    for name, rows, setting in [
        ("numbers", x, {}),
        ("numbers, bagged by Poisson(1)", x, {"bag": 1}),
        ("numbers, bagged by Poisson(6)", x, {"bag": 6}),
        ("numbers, weights averaged over 10 steps", x, {"average": 0.9}),
        ("numbers, weights averaged over 100 steps", x, {"average": 0.99}),
        ("9 splines", splined(x), {}),
    ]:
        out, line = run(rows, y, seeds, **setting), {"setting": name}
        for k in MEMBERS:
            right = 100 * ((out[:, :k].mean(1) > 0.5) == (y > 0.5)).mean(1)
            line[f"{k}"] = f"{right.mean():.2f} ± {right.std(ddof=1):.2f}"
        print(json.dumps(line, ensure_ascii=False), flush=True)


main(*sys.argv[1:])
