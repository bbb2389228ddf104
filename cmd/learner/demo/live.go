package demo

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/perennial-ml/perennial/cmd/learner/cli/ui"
)

// live tells the story as it goes: on a terminal with a line that changes, elsewhere
// with a line for each tenth of the stream.
type live struct {
	w        io.Writer
	terminal bool
	drawn    time.Time
	tenth    int
	width    int
}

func newLive(w io.Writer) *live {
	return &live{w: w, terminal: ui.IsTerminal(w)}
}

// say prints a line of the story above the changing one.
func (l *live) say(format string, args ...any) {
	l.clear()
	fmt.Fprintf(l.w, format+"\n", args...)
}

func (l *live) clear() {
	if l.terminal && l.width > 0 {
		fmt.Fprintf(l.w, "\r%s\r", strings.Repeat(" ", l.width))
		l.width = 0
	}
}

// show draws where the stream is.
func (l *live) show(s *show) {
	done, n := len(s.learner.hits), len(s.stream)
	if l.terminal {
		if now := time.Now(); now.Sub(l.drawn) >= 100*time.Millisecond {
			l.drawn = now
			text := s.line(done, n)
			text = ui.Clean(text)
			if w := ui.Width(l.w); w > 1 && len([]rune(text)) >= w {
				text = string([]rune(text)[:w-1])
			}
			l.clear()
			fmt.Fprint(l.w, text)
			l.width = len([]rune(text))
		}
		return
	}
	if tenth := 10 * done / n; tenth > l.tenth {
		l.tenth = tenth
		fmt.Fprintln(l.w, s.line(done, n))
	}
}

func (s *show) line(done, n int) string {
	recent := done - 4*week
	fresh := "-"
	if len(s.freshness) > 0 {
		fresh = round(s.freshness[len(s.freshness)-1]).String()
	}
	kept := "-"
	if s.kept != nil && s.kept.Retention != nil {
		kept = fmt.Sprintf("%.2f", *s.kept.Retention)
	}
	return fmt.Sprintf("%3d%%  last 4 weeks: learning %.3f, frozen copy %.3f, a day ago %.3f | kept %s | version %d | fresh in %s",
		100*done/n, s.learner.over(recent, done), s.frozen.over(recent, done), s.yesterday.over(recent, done), kept, s.last, fresh)
}
