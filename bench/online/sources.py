"""What the arithmetic of published programs gives, where a suite differs from them.

Plain loops, written from their sources, to tell which difference a figure comes from:

  sources.py logistic FOLDER RATE        River's logistic regression on Elec2, its intercept
                                         learning at RATE (0.01 there), its weights at 0.005
  sources.py split FOLDER SEED METHOD C  Split-MNIST, class-incremental, of Hsu et al.: METHOD
                                         none, l2, lwf or lwf-zeros; a loss over all classes
                                         (C all) or over those seen so far (C seen, as there)
  sources.py permuted FOLDER SEED METHOD Permuted-MNIST of Buzzega et al.: METHOD none, ewc (whose
                                         Fisher information weighs each row by the probability of
                                         its label, as theirs) or ewc-plain (which does not)
  sources.py online FOLDER SEED LAST     Split-MNIST, one pass, of CapyMOA's notebook, rehearsed from a
                                         reservoir of 200: a LAST layer that is affine, or normed
                                         (without a bias, each class's weights of length 1/sqrt(10), as theirs)

They print one JSON object with the accuracy in per cent.
"""

import copy
import csv
import gzip
import json
import math
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)


def logistic(folder, rate):
    """Prequential accuracy; rows are standardised by those up to them."""
    seen, right, bias = 0, 0, 0.0
    with gzip.open(f"{folder}/elec2.csv.gz", "rt") as f:
        for row in csv.DictReader(f):
            y = int(float(row.pop("class")))
            x = [float(v) for v in row.values()]
            if not seen:
                mean, square, weights = [0.0] * len(x), [0.0] * len(x), [0.0] * len(x)
            seen += 1
            for i, v in enumerate(x):
                d = v - mean[i]
                mean[i] += d / seen
                square[i] += d * (v - mean[i])
                deviation = math.sqrt(square[i] / seen)
                x[i] = (v - mean[i]) / deviation if deviation > 0 else 0.0
            p = 1 / (1 + math.exp(-bias - sum(w * v for w, v in zip(weights, x))))
            right += (p > 0.5) == (y == 1)
            for i, v in enumerate(x):
                weights[i] -= 0.005 * (p - y) * v
            bias -= float(rate) * (p - y)
    return right / seen


def mnist(folder, part):
    def raw(name, skip):
        with gzip.open(f"{folder}/mnist/{part}-{name}-ubyte.gz") as f:
            return torch.frombuffer(bytearray(f.read()), dtype=torch.uint8)[skip:]

    return raw("images-idx3", 16).reshape(-1, 28, 28).float() / 255, raw("labels-idx1", 8).long()


def perceptron(*widths):
    layers = []
    for a, b in zip(widths, widths[1:]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def split(folder, seed, method, classes):
    def read(part):
        x, y = mnist(folder, part)
        return (F.pad(x, (2, 2, 2, 2)).flatten(1) - 0.1) / 0.2752, y

    torch.manual_seed(int(seed))
    (x, y), (test, labels) = read("train"), read("t10k")
    net = perceptron(1024, 400, 400, 10)
    params = list(net.parameters())
    opt = torch.optim.Adam(params, lr=1e-3)
    anchor = teacher = None
    for task in range(5):
        old, known = 2 * task, 2 * task + 2
        own = (y // 2 == task).nonzero()[:, 0]
        for _ in range(4):
            order = own[torch.randperm(len(own))]
            for rows in order.split(128):
                z = net(x[rows])
                loss = F.cross_entropy(z[:, :known] if classes == "seen" else z, y[rows])
                if method == "l2" and anchor:
                    loss = loss + 100 * sum(((p - a) ** 2).sum() for p, a in zip(params, anchor))
                if method.startswith("lwf") and teacher:
                    with torch.no_grad():
                        soft = torch.softmax(teacher(x[rows])[:, :old] / 2, 1)
                    # With zeros for new classes they are pushed down on every row.
                    q = torch.log_softmax(z[:, : known if method == "lwf-zeros" else old] / 2, 1)
                    distilled = -4 * (soft * q[:, :old]).sum(1).mean()
                    loss = loss / (task + 1) + distilled * task / (task + 1)
                opt.zero_grad()
                loss.backward()
                opt.step()
        anchor = [p.detach().clone() for p in params]
        teacher = copy.deepcopy(net)
    with torch.no_grad():
        right = (net(test).argmax(1) == labels).float()
    return sum(float(right[labels // 2 == t].mean()) for t in range(5)) / 5


def fisher(net, x, y, weighted):
    """Mean squares of the gradients of single rows: outer products of each layer's delta and input."""
    linear = [m for m in net if isinstance(m, nn.Linear)]
    out = [torch.zeros_like(p) for p in net.parameters()]
    with torch.no_grad():
        for rows, labels in zip(x.split(1000), y.split(1000)):
            inputs = [rows]
            for m in linear[:-1]:
                inputs.append(torch.relu(m(inputs[-1])))
            p = torch.softmax(linear[-1](inputs[-1]), 1)
            delta = p - F.one_hot(labels, 10)
            weight = p.gather(1, labels[:, None]) if weighted else torch.ones(len(labels), 1)
            for i in reversed(range(len(linear))):
                square = weight * delta**2
                out[2 * i] += square.t() @ inputs[i] ** 2 / len(y)
                out[2 * i + 1] += square.sum(0) / len(y)
                if i:
                    delta = delta @ linear[i].weight * (inputs[i] > 0)
    return out


def permuted(folder, seed, method):
    torch.manual_seed(int(seed))
    (x, y), (test, labels) = mnist(folder, "train"), mnist(folder, "t10k")
    net = perceptron(784, 100, 100, 10)
    for m in net:
        if isinstance(m, nn.Linear):
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)
    params = list(net.parameters())
    rate = 0.2 if method == "none" else 0.1
    importance = anchor = None
    orders = [torch.randperm(784) for _ in range(20)]
    for order in orders:
        task = x.flatten(1)[:, order]
        for rows in torch.randperm(len(y)).split(128):
            net.zero_grad()
            F.cross_entropy(net(task[rows]), y[rows]).backward()
            with torch.no_grad():
                for i, p in enumerate(params):
                    pull = 2 * 0.7 * importance[i] * (p - anchor[i]) if importance else 0
                    p -= rate * (p.grad + pull)
        if method != "none":
            new = fisher(net, task, y, method == "ewc")
            importance = [a + b for a, b in zip(importance, new)] if importance else new
            anchor = [p.detach().clone() for p in params]
    with torch.no_grad():
        right = [(net(test.flatten(1)[:, o]).argmax(1) == labels).float().mean() for o in orders]
    return float(sum(right)) / len(right)


class Normed(nn.Module):
    """A last layer without a bias, whose weights have a direction for each class and no length."""

    def __init__(self, width, classes):
        super().__init__()
        self.direction = nn.Linear(width, classes, bias=False).weight

    def forward(self, x):
        return x @ F.normalize(self.direction, dim=1).t() / len(self.direction) ** 0.5


def online(folder, seed, last):
    torch.manual_seed(int(seed))
    (x, y), (test, labels) = mnist(folder, "train"), mnist(folder, "t10k")
    x, test = x.flatten(1), test.flatten(1)
    net = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), Normed(64, 10) if last == "normed" else nn.Linear(64, 10))
    opt = torch.optim.Adam(net.parameters(), lr=0.01)
    memory, seen = torch.zeros(200, dtype=torch.long), 0
    tasks = ((1, 4), (5, 7), (9, 3), (0, 8), (2, 6))
    for a, b in tasks:
        own = ((y == a) | (y == b)).nonzero()[:, 0]
        for rows in own[torch.randperm(len(own))].split(64):
            for row in rows:
                at = seen if seen < 200 else int(torch.randint(seen + 1, ()))
                seen += 1
                if at < 200:
                    memory[at] = row
            rows = torch.cat([rows, memory[torch.randint(min(seen, 200), (len(rows),))]])
            opt.zero_grad()
            F.cross_entropy(net(x[rows]), y[rows]).backward()
            opt.step()
    with torch.no_grad():
        right = (net(test).argmax(1) == labels).float()
    return sum(float(right[(labels == a) | (labels == b)].mean()) for a, b in tasks) / 5


run = {"logistic": logistic, "split": split, "permuted": permuted, "online": online}[sys.argv[1]]
print(json.dumps({"accuracy": round(100 * run(*sys.argv[2:]), 2)}))
