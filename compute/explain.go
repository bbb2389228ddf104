package compute

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// String lists the nodes in the order in which they run: shape, kernel or op, where the
// result lies and its bytes, floating point operations at the full capacity, and after runs
// with WithTiming the mean time. A * marks a result whose leading axis counts rows.
func (p *Plan) String() string {
	var b strings.Builder
	flops := 0
	for _, n := range p.tasks {
		flops += p.flops(n)
	}
	fmt.Fprintf(&b, "plan for %d rows: %d nodes, %s kernels, %d threads, arena of %d bytes (%d unshared), %d FLOP\n",
		p.capacity, len(p.tasks), p.set.Name, p.crew.Size(), 4*len(p.arena), 4*p.shared, flops)
	if p.whole != "" {
		fmt.Fprintf(&b, "every run computes all rows: %s\n", p.whole)
	}
	if p.runs > 0 {
		fmt.Fprintf(&b, "times are means of %d runs, for %.1f rows\n", p.runs, float64(p.onRows)/float64(p.runs))
	}
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	header := "\tshape\tkernel\treads\tat\tbytes\tFLOP"
	if p.runs > 0 {
		header += "\ttime"
	}
	fmt.Fprintln(w, header)
	for i, n := range p.tasks {
		fmt.Fprintf(w, "%d\t%v%s\t%s\t%s\t%s\t%d\t%d", i, n.node.Shape(), n.star(), n.how(), n.reads(), n.where(), n.bytes(), p.flops(n))
		if p.runs > 0 {
			fmt.Fprintf(w, "\t%v", (n.spent / time.Duration(p.runs)).Round(time.Nanosecond))
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err.Error() // a strings.Builder does not fail
	}
	return b.String()
}

func (p *Plan) flops(n *node) int {
	if n.bind == nil {
		return 0
	}
	return n.task.Cost.Fixed + p.capacity*n.task.Cost.Row
}

func (n *node) star() string {
	if n.buf != nil && n.buf.Rows {
		return "*"
	}
	return ""
}

func (n *node) how() string {
	switch {
	case n.bind != nil:
		return n.task.Kernel
	case n.fallback.room != nil && n.buf != nil && !n.buf.Shape.IsScalar():
		return fmt.Sprintf("UsePreallocDo of %v", n.op)
	}
	return fmt.Sprintf("Do of %v", n.op)
}

// reads names what a node reads: tasks by number, the others by name.
func (n *node) reads() string {
	var out []string
	for _, u := range n.uses {
		if u.fixed {
			out = append(out, u.node.Name())
			continue
		}
		out = append(out, fmt.Sprint(u.at))
	}
	return strings.Join(out, " ")
}

func (n *node) where() string {
	switch {
	case n.over != nil:
		return fmt.Sprintf("%d, over %d", 4*n.offset, n.over.at)
	case n.inArena:
		return fmt.Sprint(4 * n.offset)
	}
	return "-"
}

func (n *node) bytes() int {
	switch {
	case n.buf == nil:
		return 0
	case n.buf.F64 != nil:
		return 8
	}
	return 4 * len(n.buf.Data)
}
