package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/perennial-ml/perennial/compute"
)

// peers are the workers, by number of threads, started when first needed.
type peers struct {
	python   string
	settings settings
	workers  map[int][]*torch
	notes    []string
}

// newPeers returns peers without PyTorch, and errNoTorch, where there is none.
func newPeers(ctx context.Context, o options) (*peers, error) {
	p := &peers{settings: o.settings, workers: make(map[int][]*torch)}
	var err error
	p.python, err = findPython(ctx, o.python)
	return p, err
}

// of returns as many workers as there are instances: processes of their own, since an
// instance's luck is in part its process's.
func (p *peers) of(ctx context.Context, threads int) ([]*torch, error) {
	for len(p.workers[threads]) < p.settings.instances {
		t, err := startTorch(ctx, p.python, threads)
		if err != nil {
			return nil, err
		}
		p.workers[threads] = append(p.workers[threads], t)
		if len(p.workers[threads]) == 1 {
			if err := p.checkBLAS(t, threads); err != nil {
				return nil, err
			}
		}
	}
	return p.workers[threads], nil
}

// slowBLAS is the share of the peak below which a peer's products cannot come from vector
// code: the reference BLAS reaches a twentieth.
const slowBLAS = 0.15

// checkBLAS notes where PyTorch has no BLAS worth comparing with.
func (p *peers) checkBLAS(t *torch, threads int) error {
	in, err := t.build(spec{Kind: "gemm", Size: 512}, "mm", 0)
	if err != nil {
		return err
	}
	k, best, top := compute.Best(), 0.0, 0.0
	for range 5 {
		s, err := in.run(p.settings.slice)
		if err != nil {
			return err
		}
		best = max(best, 2*512*512*512*float64(s.Steps)/s.Wall)
		top = max(top, peak(k))
	}
	if top > 0 && best < slowBLAS*top*float64(threads) {
		p.notes = append(p.notes, fmt.Sprintf("PyTorch multiplies at %.1f GFLOP/s of %.1f: its BLAS is not a fast one, and ratios flatter; on Debian: apt install libopenblas0-pthread",
			best/1e9, top*float64(threads)/1e9))
	}
	return in.drop()
}

func (p *peers) version() string {
	for _, list := range p.workers {
		return list[0].Version
	}
	return "not used"
}

func (p *peers) close() error {
	var err error
	for _, list := range p.workers {
		for _, t := range list {
			err = errors.Join(err, t.close())
		}
	}
	return err
}

// measure contests a workload with its rival, or by itself where there is none.
func (p *peers) measure(ctx context.Context, w workload, l limits) (*row, error) {
	rivals, err := p.rivals(ctx, w)
	if err != nil {
		return nil, err
	}
	return contest(w, rivals, l, p.settings)
}

func (p *peers) rivals(ctx context.Context, w workload) (out []contender, err error) {
	switch {
	case w.alone:
		return nil, nil
	case w.rival != nil:
		for range p.settings.instances {
			step, err := w.rival(w.spec)
			if err != nil {
				return nil, fmt.Errorf("build %s: %w", w.rivalName, err)
			}
			out = append(out, contender{side: &loop{step: step}, name: w.rivalName})
		}
		return out, nil
	case p.python == "":
		return nil, nil
	}
	workers, err := p.of(ctx, w.threads)
	if err != nil {
		return nil, err
	}
	variants, err := workers[0].variants(w.spec)
	if err != nil {
		return nil, err
	}
	for i, t := range workers {
		for _, v := range variants {
			in, err := t.build(w.spec, v, i)
			if err != nil {
				return nil, err
			}
			out = append(out, contender{side: in, name: "PyTorch, " + v, drop: in.drop})
		}
	}
	return out, nil
}
