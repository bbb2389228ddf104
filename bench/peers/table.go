package main

import (
	"fmt"
	"strings"
)

// ring is how many examples small inputs come from.
const ring = 512

var (
	digits = []int{784, 256, 256, 10}
	tiny   = []int{16, 16, 16, 10}
)

func named(widths []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(widths), " ", "-"), "[]")
}

// mlpTraining is a row of training an MLP beside PyTorch.
func mlpTraining(widths []int, optimizer string, batch, threads int, aim float64) workload {
	return workload{
		group: "train", name: fmt.Sprintf("MLP %s, %s, batch %d", named(widths), optimizer, batch),
		spec:    spec{Kind: "mlp", Widths: widths, Batch: batch, Classes: widths[len(widths)-1], Optimizer: optimizer, Ring: ring},
		threads: threads, aim: aim, cost: mlpCost(widths, batch, optimizer), ours: trainMLP(threads), unit: "steps", perStep: 1,
	}
}

func prediction(widths []int, aim float64) workload {
	return workload{
		group: "predict", name: fmt.Sprintf("MLP %s, one row", named(widths)),
		spec:    spec{Kind: "predict", Widths: widths, Batch: 1, Classes: widths[len(widths)-1], Ring: ring},
		threads: 1, aim: aim, cost: mlpCost(widths, 1, ""), ours: predictMLP, unit: "rows", perStep: 1,
	}
}

func besideTape(widths []int, batch int, aim float64, ops string, build func(spec) (*graph, error)) workload {
	c := mlpCost(widths, batch, "sgd") // gradients are written where a step would write parameters
	c.Footprint *= 2
	return workload{
		group: "tape", name: fmt.Sprintf("gradients of MLP %s, batch %d, %s ops", named(widths), batch, ops),
		spec:    spec{Kind: "mlp", Widths: widths, Batch: batch},
		threads: 1, aim: aim, cost: c, ours: plan(build), rival: tape(build), rivalName: "TapeMachine",
		unit: "runs", perStep: 1,
	}
}

// workloads are the rows, in the order of the report.
func workloads() []workload {
	var out []workload
	for _, t := range []struct {
		optimizer string
		aims      map[int]float64
	}{
		{"sgd", map[int]float64{1: 3, 10: 2, 64: 1.3, 256: 1.2}},
		{"adam", map[int]float64{1: 4, 10: 2.5, 64: 1.5, 256: 1.2}},
	} {
		for _, batch := range []int{1, 10, 64, 256} {
			out = append(out, mlpTraining(digits, t.optimizer, batch, 1, t.aims[batch]))
		}
	}
	out = append(out, mlpTraining(digits, "sgd", 256, 2, 1.1), mlpTraining(tiny, "sgd", 1, 1, 80))
	for _, t := range []struct {
		optimizer string
		aims      map[int]float64
	}{
		{"sgd", map[int]float64{1: 40, 32: 5, 256: 2.5}},
		{"adagrad", map[int]float64{1: 60, 32: 8, 256: 5}},
	} {
		for _, batch := range []int{1, 32, 256} {
			out = append(out, deepFM(1<<20, t.optimizer, batch, t.aims[batch]))
		}
	}
	out = append(out, cnn(1, 4), cnn(32, 1.5))
	out = append(out, sparseLinear("sgd", 1e6), sparseLinear("adagrad", 1e6), sparseLinear("ftrl", 1e6))
	out = append(out, prediction(digits, 1.5), prediction(tiny, 40))
	for _, batch := range []int{1, 64} {
		aims := map[int]float64{64: 5}
		out = append(out, besideTape(digits, batch, aims[batch], "Gorgonia's", stockOps))
	}
	out = append(out, besideTape(tiny, 1, 40, "Gorgonia's", stockOps), besideTape(tiny, 1, 40, "our", ownOps))
	gflop := 2 * 512 * 512 * 512 / 1e9
	product := workload{
		group: "product", name: "512×512×512 beside multiply-adds on registers",
		spec: spec{Kind: "gemm", Size: 512}, threads: 1, aim: 0.85,
		cost: cost{FLOP: gflop * 1e9, Bytes: 3 * 512 * 512 * 4, Footprint: 3 * 512 * 512 * 4},
		ours: square, rival: registers, rivalName: "registers", unit: "GFLOP", perStep: gflop, rivalStep: fmaStep(),
	}
	out = append(out, product)
	product.name, product.rival, product.rivalName, product.rivalStep, product.aim = "512×512×512 beside OpenBLAS", nil, "", 0, 0
	return append(out, product)
}
