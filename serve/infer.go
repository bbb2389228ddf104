package serve

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/checkpoint/hotload"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/serve/oip"
)

// A row is one example on its way through an inference.
type row struct {
	served
	encoded feature.Row
	classes []float32 // that compete; nil for all
	from    int       // the features are scratch.features[from:to]
	to      int
}

// scratch is what an inference allocates and the next one reuses.
type scratch struct {
	body     []byte
	req      oip.Request
	bound    oip.Rows
	rows     []row
	features []byte
	width    int // outputs of a row
	out      []float32
	shadow   []float32
	answer   []byte
}

var errNoWeights = errors.New("no version is loaded yet")

// maxScratch is the largest body whose buffers are kept for the next request.
const maxScratch = 1 << 20

// An inferrer answers the inferences of one model.
type inferrer struct {
	model    Model
	schema   *oip.Schema
	outputs  []string // names, in order
	split    split
	shadow   bool
	cfg      Config
	pool     *pool // of stable and candidate alike
	recorder *recorder
	metrics  *metrics
	now      func() time.Time
	newID    func() string
	scratch  sync.Pool // of *scratch
	spec     atomic.Pointer[parsedSpec]
}

// pinned are the weights that one request uses from start to end.
type pinned struct {
	stable, candidate *hotload.Loaded
	forced            string // the channel that the path names; empty for the split
}

func current(s Source) *hotload.Loaded {
	if s == nil {
		return nil
	}
	return s.Current()
}

// pin takes the weights that the version in the path asks for: a number, stable,
// candidate, or nothing.
func (f *inferrer) pin(version string) (pinned, error) {
	p := pinned{stable: current(f.model.Stable), candidate: current(f.model.Candidate)}
	switch version {
	case "":
		if p.stable == nil {
			return p, newProblem(http.StatusServiceUnavailable, codeNotReady, errNoWeights.Error()).after(1)
		}
		return p, nil
	case Stable, Candidate:
		p.forced = version
	default:
		n, err := strconv.ParseUint(version, 10, 64)
		if err != nil {
			return p, newProblem(http.StatusNotFound, codeVersion, "").at("version", "must be a version's number, stable or candidate")
		}
		switch v := checkpoint.Version(n); {
		case p.stable != nil && p.stable.Version == v:
			p.forced = Stable
		case p.candidate != nil && p.candidate.Version == v:
			p.forced = Candidate
		}
	}
	if w := p.of(p.forced); w == nil {
		return p, newProblem(http.StatusNotFound, codeVersion, "version "+version+" is not loaded").at("version", "must be one that stable or candidate names now")
	}
	return p, nil
}

// of returns the weights of a channel; nil for none.
func (p *pinned) of(channel string) *hotload.Loaded {
	switch channel {
	case Stable:
		return p.stable
	case Candidate:
		return p.candidate
	}
	return nil
}

// answer runs one inference and returns the response body, which aliases sc.
func (f *inferrer) answer(ctx context.Context, sc *scratch, version string) ([]byte, error) {
	if err := sc.req.Decode(sc.body, f.cfg.inferLimits()); err != nil {
		return nil, err
	}
	if err := f.schema.Bind(&sc.req, &sc.bound); err != nil {
		return nil, err
	}
	if sc.bound.N > f.cfg.Limits.Rows {
		return nil, newProblem(http.StatusRequestEntityTooLarge, codeTooMany, "").at("inputs[0].shape", "must have at most "+strconv.Itoa(f.cfg.Limits.Rows)+" rows")
	}
	wanted, err := f.wanted(sc.req.Outputs)
	if err != nil {
		return nil, err
	}
	var params parameters
	if err := params.read(sc.req.Parameters, sc.bound.N); err != nil {
		return nil, err
	}
	pins, err := f.pin(version)
	if err != nil {
		return nil, err
	}
	if err := f.fill(sc, &params, &pins); err != nil {
		return nil, err
	}
	if err := f.compute(ctx, sc, &pins); err != nil {
		return nil, err
	}
	shadow := f.computeShadow(ctx, sc, &params, &pins)
	if err := f.record(ctx, sc, &params, shadow); err != nil {
		return nil, err
	}
	return f.respond(sc, wanted), nil
}

// fill makes the rows: features, identity, channel.
func (f *inferrer) fill(sc *scratch, params *parameters, pins *pinned) error {
	sc.rows, sc.features = sc.rows[:0], sc.features[:0]
	for i := range sc.bound.N {
		from := len(sc.features)
		sc.features = sc.bound.AppendRow(sc.features, i)
		r := row{from: from, to: len(sc.features)}
		r.subject = of(params.subjects, i)
		r.segments, r.flags = of(params.segments, i), of(params.flags, i)
		if f.model.Classes != nil {
			r.classes = f.model.Classes(r.segments)
		}
		if len(params.ids) > 0 {
			r.id = params.ids[i]
		} else {
			r.id = f.newID()
		}
		key := r.subject
		if key == "" {
			key = r.id
		}
		switch {
		case pins.forced != "":
			r.channel = pins.forced
		case pins.candidate == nil:
			r.channel = Stable
		default:
			var p float64
			if r.channel, p = f.split.channel(key); p < 1 {
				r.propensity = p
			}
		}
		r.version = uint64(pins.of(r.channel).Version)
		sc.rows = append(sc.rows, r)
	}
	// The slice grows while rows are written, so they are cut when it no longer does.
	for i := range sc.rows {
		r := &sc.rows[i]
		r.features = sc.features[r.from:r.to:r.to]
		var err error
		if r.encoded, err = f.model.Dictionary.Encode(r.features); err != nil {
			p := asProblem(err)
			if sc.bound.N > 1 {
				p.Detail = "row " + strconv.Itoa(i) + suffix(p.Detail)
			}
			p.Field = "inputs." + p.Field
			return p
		}
	}
	return nil
}

// compute fills in the outputs of every row.
func (f *inferrer) compute(ctx context.Context, sc *scratch, pins *pinned) error {
	k, err := f.width(pins)
	if err != nil {
		return err
	}
	sc.width = k
	sc.out = grow(sc.out, len(sc.rows)*k)
	for _, channel := range [...]string{Stable, Candidate} {
		n := 0
		for i := range sc.rows {
			if sc.rows[i].channel == channel {
				n++
			}
		}
		if n == 0 {
			continue
		}
		w := pins.of(channel)
		if err := f.pool.predict(ctx, w, sc.rows, func(r *row) bool { return r.channel == channel }, sc.out); err != nil {
			return err
		}
		f.metrics.rows.WithLabelValues(f.model.Name, channel).Add(float64(n))
		f.metrics.version.WithLabelValues(f.model.Name, channel).Set(float64(w.Version))
	}
	for i := range sc.rows {
		sc.rows[i].outputs = sc.out[i*k : (i+1)*k : (i+1)*k]
	}
	return nil
}

// computeShadow lets the candidate answer the rows that stable answered, where that is
// asked for and recorded, and returns those answers. Its failure is counted and
// changes nothing for the caller.
func (f *inferrer) computeShadow(ctx context.Context, sc *scratch, params *parameters, pins *pinned) []served {
	if !f.shadow || pins.candidate == nil || pins.forced != "" || params.silent || params.consent == feedback.ConsentNone {
		return nil
	}
	k := sc.width
	sc.shadow = grow(sc.shadow, len(sc.rows)*k)
	stable := func(r *row) bool { return r.channel == Stable }
	if err := f.pool.predict(ctx, pins.candidate, sc.rows, stable, sc.shadow); err != nil {
		f.metrics.shadows.WithLabelValues(f.model.Name).Inc()
		return nil
	}
	var out []served
	for i := range sc.rows {
		if !stable(&sc.rows[i]) {
			continue
		}
		s := sc.rows[i].served
		s.id += shadowSuffix
		s.channel, s.propensity = Shadow, 0
		s.version = uint64(pins.candidate.Version)
		s.outputs = sc.shadow[i*k : (i+1)*k]
		out = append(out, s)
	}
	f.metrics.rows.WithLabelValues(f.model.Name, Shadow).Add(float64(len(out)))
	return out
}

func grow(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}

// record takes the answers to the log, as their consent allows. Every event passes the
// decoder first: what is recorded can be learned from. A shadow event that is refused
// alone is counted and changes nothing for the caller.
func (f *inferrer) record(ctx context.Context, sc *scratch, params *parameters, shadow []served) error {
	if params.silent || params.consent == feedback.ConsentNone {
		return nil
	}
	n := len(sc.rows) + len(shadow)
	arena := make([]byte, 0, (len(sc.features)+len(sc.rows)*192)*n/len(sc.rows))
	events := make([]feedback.Event, 0, n)
	now := f.now()
	add := func(s *served) error {
		var e feedback.Event
		e, arena = s.event(arena, f.cfg.Source, params.consent, now)
		rec, err := f.model.Decoder.Decode(e)
		if err != nil {
			var r *feedback.Refusal
			if errors.As(err, &r) && r.Code == feedback.CodeConsentRefused {
				return nil
			}
			return err
		}
		e.Consent = rec.Consent
		events = append(events, e)
		return nil
	}
	for i := range sc.rows {
		if err := add(&sc.rows[i].served); err != nil {
			return err
		}
	}
	answered := len(events)
	for i := range shadow {
		if err := add(&shadow[i]); err != nil {
			f.metrics.shadows.WithLabelValues(f.model.Name).Inc()
		}
	}
	if len(events) == 0 {
		return nil
	}
	if f.cfg.Record.Mode == RecordAsync {
		return f.recorder.add(ctx, events)
	}
	receipts, err := f.model.Log.Append(ctx, events)
	if err != nil && receipts == nil {
		return err
	}
	refused := 0
	for i := range receipts {
		switch {
		case receipts[i].Err == nil:
		case i < answered:
			return err
		default:
			refused++
		}
	}
	f.metrics.shadows.WithLabelValues(f.model.Name).Add(float64(refused))
	f.metrics.recorded.WithLabelValues(f.model.Name).Add(float64(len(events) - refused))
	return nil
}
