package ui

import (
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// patience is how long something may take before a person wants to see it move.
const patience = time.Second

// A Progress shows how far something is, once it has taken over a second, and only
// on a terminal. The zero of everything else is silence.
type Progress struct {
	mu    sync.Mutex
	open  func() *progressbar.ProgressBar // nil: silent
	bar   *progressbar.ProgressBar        // nil: not shown yet
	now   func() time.Time
	begun time.Time
	done  int64
	total int64
}

// NewProgress starts counting towards total, or without an end if total is
// negative. It writes to w if that is a terminal.
func NewProgress(w io.Writer, what string, total int64) *Progress {
	return newProgress(w, what, total, IsTerminal(w), time.Now)
}

func newProgress(w io.Writer, what string, total int64, terminal bool, now func() time.Time) *Progress {
	p := &Progress{now: now, begun: now(), total: total}
	if terminal {
		p.open = func() *progressbar.ProgressBar {
			return progressbar.NewOptions64(p.total,
				progressbar.OptionSetWriter(w),
				progressbar.OptionSetDescription(Clean(what)),
				progressbar.OptionSetWidth(30),
				progressbar.OptionShowCount(),
				progressbar.OptionShowIts(),
				progressbar.OptionThrottle(100*time.Millisecond),
				progressbar.OptionClearOnFinish(),
				progressbar.OptionSetTheme(progressbar.Theme{
					Saucer: "█", SaucerPadding: "░", BarStart: "", BarEnd: "",
				}))
		}
	}
	return p
}

// Add counts n more as done.
func (p *Progress) Add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	p.show()
}

// Set counts done things in all.
func (p *Progress) Set(done int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = done
	p.show()
}

// SetOf counts done things in all of a total that is known only now.
func (p *Progress) SetOf(done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = done
	if p.total != total {
		p.total = total
		if p.bar != nil {
			p.bar.ChangeMax64(total)
		}
	}
	p.show()
}

// show draws the bar if it is time to. A terminal that went away stops the drawing,
// never the work: its error is dropped on purpose.
func (p *Progress) show() {
	if p.open == nil {
		return
	}
	if p.bar == nil {
		if p.now().Sub(p.begun) < patience {
			return
		}
		p.bar = p.open()
	}
	_ = p.bar.Set64(p.done)
}

// Close takes the bar off the terminal. It may be called again.
func (p *Progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Exit()
		_ = p.bar.Clear()
	}
	p.open, p.bar = nil, nil
}
