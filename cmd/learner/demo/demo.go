package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

//go:embed learner.yaml
var learnerYAML string

// Options are what the demo is run with.
type Options struct {
	Program string // the learner's executable
	Folder  string // made anew; must not exist, or be an earlier demo's
	Rows    int    // half-hours to play; 0 for all 45,312
	ASCII   bool
	Out     io.Writer // the story and the summary
}

// The acts of the play, as shares of the stream.
const (
	freezeAt = 0.10 // the frozen copy is taken
	killAt   = 0.50
	poisonAt = 0.75
	// poisoned is how long labels are flipped, in half-hours.
	poisoned = 2 * week
	// seasons are the parts of the stream, whose ends are announced: of each, half-hours
	// that are never learned show what the learner keeps of it.
	seasons = 8
)

// A show is one run of the demo.
type show struct {
	opt    Options
	stream []halfHour
	proc   *process
	client *client
	live   *live

	learner, frozen, yesterday tally
	copy                       *frozen
	told                       int // outcomes sent so far: of half-hours before this one
	freshness                  []time.Duration
	season                     int    // that the stream is in
	kept                       *kept  // of the seasons before; nil in the first
	last                       uint64 // version that answered last
	versions                   int
	sum                        summary
}

// Run plays the demo. It stops the learner whatever happens.
func Run(ctx context.Context, opt Options) (err error) {
	s := &show{opt: opt}
	s.learner.name, s.frozen.name, s.yesterday.name = "learning", "frozen copy", "label of a day ago"
	if s.stream, err = load(); err != nil {
		return err
	}
	if opt.Rows > 0 {
		s.stream = s.stream[:min(opt.Rows, len(s.stream))]
	}
	if len(s.stream) < 10*week {
		return fmt.Errorf("--rows: must be at least %d", 10*week)
	}
	address, err := s.prepare()
	if err != nil {
		return err
	}
	s.proc = &process{program: opt.Program, folder: opt.Folder, address: address}
	s.client = &client{base: "http://" + address}
	s.live = newLive(opt.Out)
	defer func() {
		s.live.clear()
		_, stopErr := s.proc.stop()
		err = errors.Join(err, stopErr)
	}()
	return s.play(ctx)
}

// prepare makes the folder and its configuration on a free port.
func (s *show) prepare() (string, error) {
	marker := filepath.Join(s.opt.Folder, "learner.yaml")
	if err := sweep(s.opt.Folder, marker); err != nil {
		return "", err
	}
	if err := os.MkdirAll(s.opt.Folder, 0o755); err != nil {
		return "", err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := ln.Addr().String()
	if err := ln.Close(); err != nil {
		return "", err
	}
	config := strings.ReplaceAll(learnerYAML, "ADDRESS", address)
	return address, os.WriteFile(marker, []byte(config), 0o644)
}

// sweep removes an earlier demo, and nothing else: a folder that holds anything but a
// demo is refused, and what else lies beside one stays.
func sweep(folder, marker string) error {
	list, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && len(list) == 0) {
		return nil
	}
	header, _, _ := strings.Cut(learnerYAML, "\n")
	was, readErr := os.ReadFile(marker)
	if err != nil || readErr != nil || !strings.HasPrefix(string(was), header) {
		return fmt.Errorf("%s exists and is no earlier demo's; name another folder with --folder", folder)
	}
	for _, name := range []string{"data", "learner.log", "learner.yaml"} {
		if err := os.RemoveAll(filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}

func (s *show) play(ctx context.Context) error {
	n := len(s.stream)
	began := time.Now()
	s.live.say("The stream: %d half-hours of the electricity market of New South Wales, 1996 to 1998.", n)
	s.live.say("The task: will the price stand above its average of the last day? The outcome comes a day later.")
	took, err := s.proc.start(ctx)
	if err != nil {
		return err
	}
	s.live.say("A learner starts from nothing: %s, ready in %s.", s.client.base, round(took))

	if err := s.stretch(ctx, share(n, freezeAt), false); err != nil {
		return err
	}
	if err := s.freeze(ctx); err != nil {
		return err
	}
	if err := s.stretch(ctx, share(n, killAt), false); err != nil {
		return err
	}
	if err := s.killAndCompare(ctx); err != nil {
		return err
	}
	if err := s.stretch(ctx, share(n, poisonAt), false); err != nil {
		return err
	}
	if err := s.poison(ctx); err != nil {
		return err
	}
	if err := s.stretch(ctx, n, false); err != nil {
		return err
	}
	if err := s.finish(ctx); err != nil {
		return err
	}
	s.sum.took = time.Since(began)
	return s.summarise()
}

// share is a place in the stream, at the start of a step.
func share(n int, f float64) int { return int(float64(n)*f) / step * step }

// stretch plays the stream up to a half-hour: before each step the outcomes that are a
// day old are sent, flipped if flip, and then the step is predicted.
func (s *show) stretch(ctx context.Context, to int, flip bool) error {
	for from := len(s.learner.hits); from < to; from = len(s.learner.hits) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.tell(ctx, max(0, from-day), flip); err != nil {
			return err
		}
		if err := s.turn(ctx, from*seasons/len(s.stream)); err != nil {
			return err
		}
		end := min(from+step, to)
		p, version, err := s.client.infer(ctx, s.stream, from, end)
		if err != nil {
			return err
		}
		s.served(version)
		for t := from; t < end; t++ {
			up := s.stream[t].up
			s.learner.add((p[t-from] >= 0.5) == up)
			s.yesterday.add(t >= day && s.stream[t-day].up == up)
			if s.copy != nil {
				y, err := s.copy.predict(s.stream, t)
				if err != nil {
					return err
				}
				s.frozen.add((y >= 0.5) == up)
			} else {
				s.frozen.add(s.learner.hits[t]) // until the copy is taken, the two are one
			}
		}
		s.live.show(s)
	}
	return nil
}

// turn announces the end of a season when the next one has begun.
func (s *show) turn(ctx context.Context, season int) error {
	if season == s.season {
		return nil
	}
	s.season = season
	position, err := s.client.boundary(ctx, fmt.Sprintf("season %d of %d", season, seasons))
	if err != nil {
		return err
	}
	return s.look(ctx, position)
}

// look asks what is kept of the seasons that ended, once a record is applied.
func (s *show) look(ctx context.Context, position uint64) error {
	if err := s.applied(ctx, position); err != nil {
		return err
	}
	var err error
	s.kept, err = s.client.kept(ctx)
	return err
}

// applied waits for the learner to have applied a record.
func (s *show) applied(ctx context.Context, position uint64) error {
	for range 1000 {
		st, err := s.client.status(ctx)
		if err != nil {
			return err
		}
		if st.Learner.Position >= position {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return fmt.Errorf("record %d was not applied within a second", position)
}

// tell sends the outcomes before a half-hour that were not sent yet.
func (s *show) tell(ctx context.Context, until int, flip bool) error {
	for s.told < until {
		end := min(s.told+step, until)
		accepted := time.Now()
		position, err := s.client.label(ctx, s.stream, s.told, end, flip)
		if err != nil {
			return err
		}
		s.told = end
		if s.told/step%64 == 0 {
			if err := s.measure(ctx, accepted, position); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure waits until answers come from weights that contain a position, and notes how
// long that took since the feedback was sent.
func (s *show) measure(ctx context.Context, sent time.Time, position uint64) error {
	for range 1000 {
		st, err := s.client.status(ctx)
		if err != nil {
			return err
		}
		if st.Channels["candidate"].Version >= position {
			s.freshness = append(s.freshness, time.Since(sent))
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("feedback at position %d was not learned within a second", position)
}

func (s *show) served(version uint64) {
	if version != s.last || s.versions == 0 {
		s.versions++
		s.last = version
	}
}

func round(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}

func short(hash string) string {
	_, hex, _ := strings.Cut(hash, ":")
	return hex[:min(16, len(hex))]
}

func percentile(list []time.Duration, p float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	return list[min(len(list)-1, int(math.Ceil(p*float64(len(list))))-1)]
}
