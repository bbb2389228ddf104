"""PyTorch's side of bench/peers: a worker that builds and runs the workloads it is told to.

Each line of the standard input is a request in JSON, each line of the standard output its
answer. Nothing is measured before it has run for a while, and the garbage collector is off,
as in Python's own timeit.
"""

import gc
import json
import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


def ring(batch, total):
    """The number of batches that a workload goes through, so that none is learned by heart."""
    return max(4, total // batch)


class Step:
    """A training step: the gradient of the mean loss, and the optimizer's move."""

    def __init__(self, model, loss, optimizer, batches):
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.batches, self.next = batches, 0

    def __call__(self):
        x, y = self.batches[self.next]
        self.next = (self.next + 1) % len(self.batches)
        self.optimizer.zero_grad(set_to_none=True)
        self.loss(self.model(x), y).backward()
        self.optimizer.step()


def optimizer(name, variant, parameters):
    foreach = "foreach" in variant
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=0.01, foreach=foreach)
    if name == "adam":
        return torch.optim.Adam(parameters, lr=0.001, foreach=foreach)
    if name == "adagrad":
        return torch.optim.Adagrad(parameters, lr=0.01, foreach=foreach)
    raise ValueError(f"unknown optimizer {name}")


def perceptron(widths):
    layers = []
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        layers.append(nn.Linear(a, b))
        if i < len(widths) - 2:
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def labelled(w, *shape):
    """Random inputs of a shape for each row, with labels."""
    b = w["batch"]
    return [(torch.randn(b, *shape), torch.randint(0, w["classes"], (b,))) for _ in range(ring(b, w["ring"]))]


def mlp(w, variant):
    model = perceptron(w["widths"])
    return Step(model, F.cross_entropy, optimizer(w["optimizer"], variant, model.parameters()), labelled(w, w["widths"][0]))


def predict(w, variant):
    model = nn.Sequential(perceptron(w["widths"]), nn.Softmax(dim=1)).eval()
    inputs = [torch.randn(w["batch"], w["widths"][0]) for _ in range(ring(w["batch"], w["ring"]))]
    if variant == "traced":
        with torch.no_grad():
            model = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, inputs[0])))
    at = 0

    def step():
        nonlocal at
        at = (at + 1) % len(inputs)
        with torch.inference_mode():
            model(inputs[at])

    return step


class DeepFM(nn.Module):
    """Guo et al., "DeepFM", 2017, over one table of hashed ids."""

    def __init__(self, rows, fields, width, hidden, joint):
        super().__init__()
        self.width, self.joint = width, joint
        if joint:
            self.table = nn.Embedding(rows, width + 1, sparse=True)
        else:
            self.table = nn.Embedding(rows, width, sparse=True)
            self.linear = nn.EmbeddingBag(rows, 1, mode="sum", sparse=True)
        with torch.no_grad():
            self.table.weight.mul_(0.01)
        self.deep = perceptron([fields * width] + hidden + [1])
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, ids):
        if self.joint:
            both = self.table(ids)
            v, first = both[:, :, : self.width], both[:, :, self.width].sum(1)
        else:
            v, first = self.table(ids), self.linear(ids).squeeze(1)
        total = v.sum(1)
        second = 0.5 * (total * total - (v * v).sum(1)).sum(1)
        return self.bias + first + second + self.deep(v.flatten(1)).squeeze(1)


def identified(w):
    """Random ids for each row, with a label of 0 or 1."""
    b = w["batch"]
    return [
        (torch.randint(0, w["rows"], (b, w["fields"])), torch.randint(0, 2, (b,)).float())
        for _ in range(ring(b, w["ring"]))
    ]


def deepfm(w, variant):
    model = DeepFM(w["rows"], w["fields"], w["dim"], w["hidden"], joint="joint" in variant)
    return Step(
        model, F.binary_cross_entropy_with_logits, optimizer(w["optimizer"], variant, model.parameters()), identified(w)
    )


class SparseLinear(nn.Module):
    def __init__(self, rows):
        super().__init__()
        self.weights = nn.EmbeddingBag(rows, 1, mode="sum", sparse=True)
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, ids):
        return self.weights(ids).squeeze(1) + self.bias


def sparse_linear(w, variant):
    model = SparseLinear(w["rows"])
    return Step(
        model, F.binary_cross_entropy_with_logits, optimizer(w["optimizer"], variant, model.parameters()), identified(w)
    )


def cnn(w, variant):
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 7 * 7, w["classes"]),
    )
    batches = labelled(w, 1, 28, 28)
    if "channels_last" in variant:
        model = model.to(memory_format=torch.channels_last)
        batches = [(x.to(memory_format=torch.channels_last), y) for x, y in batches]
    return Step(model, F.cross_entropy, optimizer(w["optimizer"], variant, model.parameters()), batches)


def gemm(w, variant):
    n = w["size"]
    a, b, c = torch.randn(n, n), torch.randn(n, n), torch.empty(n, n)
    return lambda: torch.mm(a, b, out=c)


# What a user may reasonably choose between; the fastest of them is the peer.
WORKLOADS = {
    "mlp": (mlp, ["loop", "foreach"]),
    "predict": (predict, ["eager", "traced"]),
    "deepfm": (deepfm, ["joint", "separate"]),
    "sparse_linear": (sparse_linear, ["loop"]),
    "cnn": (cnn, ["loop", "foreach", "loop channels_last"]),
    "gemm": (gemm, ["mm"]),
}


def run(step, seconds):
    steps, cpu, start = 0, time.process_time(), time.perf_counter()
    end = start + seconds
    now = start
    while now < end:
        step()
        steps += 1
        now = time.perf_counter()
    return {"steps": steps, "wall": now - start, "cpu": time.process_time() - cpu}


def serve():
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    made = {}
    for line in sys.stdin:
        request = json.loads(line)
        answer = {}
        try:
            op = request["op"]
            if op == "hello":
                answer = {"version": torch.__version__, "threads": torch.get_num_threads(), "python": sys.executable}
            elif op == "variants":
                answer = {"variants": WORKLOADS[request["workload"]["kind"]][1]}
            elif op == "make":
                torch.manual_seed(request["seed"])
                build, _ = WORKLOADS[request["workload"]["kind"]]
                step = build(request["workload"], request["variant"])
                run(step, 0.03)
                made[request["id"]] = step
            elif op == "run":
                answer = run(made[request["id"]], request["seconds"])
            elif op == "drop":
                del made[request["id"]]
                gc.collect()
            else:
                raise ValueError(f"unknown op {op}")
        except Exception as e:  # the answer carries it
            answer = {"error": f"{type(e).__name__}: {e}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    gc.disable()
    serve()
