package failpoint

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// ErrInjected is what Hit returns at a point armed with "error".
var ErrInjected = errors.New("injected by a failpoint")

// ExitStatus is the process status of the action "exit".
const ExitStatus = 86

// maxPoints bounds a spec.
const maxPoints = 1024

// A Set holds the armed points of one process. Copy the pointer, not the value.
type Set struct {
	points map[string]*point
}

type point struct {
	action string
	at     int64 // fires at this hit, counted from 1
	sleep  time.Duration
	file   string // of hold
	hits   atomic.Int64
}

// Parse reads a spec of the form
//
//	name=action[:hit][;name=action[:hit]]...
//
// where action is crash (the process kills itself with SIGKILL: nothing is flushed,
// nothing is deferred), exit (status ExitStatus, at once), error (Hit returns
// ErrInjected), sleep:duration (sleep:50ms, sleep:50ms:3) or hold:path (Hit returns once
// that file exists; no colons in it), and hit, from 1, says at which hit it fires; 1 if left
// out. An empty spec gives a nil Set.
func Parse(spec string) (*Set, error) {
	spec = strings.TrimSpace(spec)
	if spec == "" {
		return nil, nil
	}
	s := &Set{points: map[string]*point{}}
	for entry := range strings.SplitSeq(spec, ";") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		name, rest, ok := strings.Cut(entry, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, fmt.Errorf("failpoint %q: must have the form name=action[:hit]", entry)
		}
		if _, twice := s.points[name]; twice {
			return nil, fmt.Errorf("failpoint %q: must be named once", name)
		}
		if len(s.points) == maxPoints {
			return nil, fmt.Errorf("failpoints: must be at most %d", maxPoints)
		}
		p, err := parseAction(strings.TrimSpace(rest))
		if err != nil {
			return nil, fmt.Errorf("failpoint %q: %w", name, err)
		}
		s.points[name] = p
	}
	return s, nil
}

func parseAction(text string) (*point, error) {
	fields := strings.Split(text, ":")
	p := &point{action: fields[0], at: 1}
	args := fields[1:]
	switch p.action {
	case "crash", "exit", "error":
	case "sleep":
		if len(args) == 0 {
			return nil, errors.New("sleep must have a duration, as in sleep:50ms")
		}
		d, err := time.ParseDuration(args[0])
		if err != nil || d < 0 {
			return nil, fmt.Errorf("sleep %q: must be a duration of 0 or more", args[0])
		}
		p.sleep, args = d, args[1:]
	case "hold":
		if len(args) == 0 || args[0] == "" {
			return nil, errors.New("hold must have a path, as in hold:/tmp/go-on")
		}
		p.file, args = args[0], args[1:]
	default:
		return nil, fmt.Errorf("action %q: must be crash, exit, error, sleep or hold", p.action)
	}
	switch len(args) {
	case 0:
	case 1:
		n, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("hit %q: must be a whole number from 1", args[0])
		}
		p.at = n
	default:
		return nil, fmt.Errorf("action %q: has too many fields", text)
	}
	return p, nil
}

// Hit says that the program passes the named place. It returns nil, or an error that
// wraps ErrInjected; where the action is crash or exit it does not return.
func (s *Set) Hit(name string) error {
	if s == nil {
		return nil
	}
	p := s.points[name]
	if p == nil || p.hits.Add(1) != p.at {
		return nil
	}
	switch p.action {
	case "crash":
		kill()
	case "exit":
		os.Exit(ExitStatus)
	case "sleep":
		time.Sleep(p.sleep)
	case "hold":
		for _, err := os.Stat(p.file); err != nil; _, err = os.Stat(p.file) {
			time.Sleep(time.Millisecond)
		}
	case "error":
		return fmt.Errorf("%s: %w", name, ErrInjected)
	}
	return nil
}

// Hits returns how often the named place was passed since the Set was made; 0 for a
// place that the Set does not name.
func (s *Set) Hits(name string) int64 {
	if s == nil || s.points[name] == nil {
		return 0
	}
	return s.points[name].hits.Load()
}

// kill ends the process as kill -9 does. The wait is for the signal to arrive: the
// process must not take another step after the place that was hit.
func kill() {
	if self, err := os.FindProcess(os.Getpid()); err == nil && self.Kill() == nil {
		select {}
	}
	os.Exit(ExitStatus)
}
