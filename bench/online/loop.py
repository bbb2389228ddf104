"""Plain PyTorch loops of online rehearsal, as one writes them by hand.

Rows are tensors, permuted and standardised before the clock starts; the memory is one
tensor; one thread computes. Arguments: which loop (er, derpp or small), the folder of the data
sets, rows a task, and a seed. The loop small is scored at its end.
"""

import gzip
import json
import random
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)


def mnist(folder, part="train"):
    def raw(name, skip):
        with gzip.open(f"{folder}/mnist/{part}-{name}-ubyte.gz") as f:
            return torch.frombuffer(bytearray(f.read()), dtype=torch.uint8)[skip:]

    return raw("images-idx3", 16).reshape(-1, 784), raw("labels-idx1", 8).long()


class Balanced:
    """A memory shared out among the classes, each a reservoir."""

    def __init__(self, capacity, width):
        self.x, self.y = torch.zeros(capacity, width), torch.zeros(capacity, dtype=torch.long)
        self.capacity, self.size, self.slots, self.seen = capacity, 0, {}, {}

    def add(self, x, y):
        for i in range(len(y)):
            c = int(y[i])
            own = self.slots.setdefault(c, [])
            self.seen[c] = self.seen.get(c, 0) + 1
            if self.size < self.capacity:
                at = self.size
                self.size += 1
                own.append(at)
            else:
                largest = max(self.slots.values(), key=len)
                if len(own) < len(largest):
                    at = largest.pop(random.randrange(len(largest)))
                    own.append(at)
                else:
                    j = random.randrange(self.seen[c])
                    if j >= len(own):
                        continue
                    at = own[j]
            self.x[at], self.y[at] = x[i], y[i]

    def draw(self, n):
        at = torch.randint(self.size, (n,))
        return self.x[at], self.y[at]


class Reservoir:
    """A uniform sample of the stream, with the logits of each row."""

    def __init__(self, capacity, width, classes):
        self.x, self.y = torch.zeros(capacity, width), torch.zeros(capacity, dtype=torch.long)
        self.logits = torch.zeros(capacity, classes)
        self.capacity, self.seen = capacity, 0

    def add(self, x, y, logits):
        for i in range(len(y)):
            at = self.seen if self.seen < self.capacity else random.randrange(self.seen + 1)
            self.seen += 1
            if at < self.capacity:
                self.x[at], self.y[at], self.logits[at] = x[i], y[i], logits[i]

    def draw(self, n):
        at = torch.randint(min(self.seen, self.capacity), (n,))
        return self.x[at], self.y[at], self.logits[at]


def er(pixels, labels, rows):
    model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, 10))
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    memory = Balanced(1000, 784)
    tasks = []
    for t in range(5):
        own = ((labels == 2 * t) | (labels == 2 * t + 1)).nonzero()[:, 0]
        own = own[torch.randperm(len(own))[:rows]]
        tasks.append(((pixels[own].float() / 255 - 0.1307) / 0.3081, labels[own]))
    yield
    for xs, ys in tasks:
        for i in range(0, len(ys), 10):
            x, y = xs[i : i + 10], ys[i : i + 10]
            bx, by = x, y
            if memory.size:
                mx, my = memory.draw(10)
                bx, by = torch.cat([x, mx]), torch.cat([y, my])
            opt.zero_grad()
            F.cross_entropy(model(bx), by).backward()
            opt.step()
            memory.add(x, y)


def derpp(pixels, labels, rows):
    model = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 10))
    opt = torch.optim.SGD(model.parameters(), lr=0.2)
    memory = Reservoir(500, 784, 10)
    tasks = []
    for t in range(20):
        own = torch.randperm(len(labels))[:rows]
        tasks.append((pixels[own][:, torch.randperm(784)].float() / 255, labels[own]))
    yield
    for xs, ys in tasks:
        for i in range(0, len(ys), 128):
            x, y = xs[i : i + 128], ys[i : i + 128]
            opt.zero_grad()
            logits = model(x)
            loss = F.cross_entropy(logits, y)
            if memory.seen:
                mx, _, ml = memory.draw(128)
                loss = loss + 1.0 * F.mse_loss(model(mx), ml)
                mx, my, _ = memory.draw(128)
                loss = loss + 0.5 * F.cross_entropy(model(mx), my)
            loss.backward()
            opt.step()
            memory.add(x, y, logits.detach())


PAIRS = ((1, 4), (5, 7), (9, 3), (0, 8), (2, 6))


def small(pixels, labels, rows):
    """The rehearsal of suite d-capymoa, with PyTorch's own initial weights."""
    model = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    opt = torch.optim.Adam(model.parameters(), lr=0.01)
    memory = Reservoir(200, 784, 10)
    unused = torch.zeros(64, 10)
    yield
    for a, b in PAIRS:
        own = ((labels == a) | (labels == b)).nonzero()[:, 0]
        own = own[torch.randperm(len(own))[:rows]]
        for i in range(0, len(own), 64):
            x, y = pixels[own[i : i + 64]].float() / 255, labels[own[i : i + 64]]
            memory.add(x, y, unused)
            mx, my, _ = memory.draw(64)
            opt.zero_grad()
            F.cross_entropy(model(torch.cat([x, mx])), torch.cat([y, my])).backward()
            opt.step()
    x, y = mnist(sys.argv[2], "t10k")
    with torch.no_grad():
        right = (model(x.float() / 255).argmax(1) == y).float()
    yield sum(float(right[(y == a) | (y == b)].mean()) for a, b in PAIRS) / len(PAIRS)


seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
torch.manual_seed(seed)
random.seed(seed)
run = {"er": er, "derpp": derpp, "small": small}[sys.argv[1]](*mnist(sys.argv[2]), int(sys.argv[3]))
next(run)
wall, cpu = time.perf_counter(), time.process_time()
accuracy = next(run, None)
took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
print(json.dumps(took if accuracy is None else took | {"accuracy": accuracy}))
