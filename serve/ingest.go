package serve

import (
	"context"

	"net/http"
	"strconv"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/serve/oip"
)

// eventResult says what became of one event of a request.
type eventResult struct {
	Index     int
	ID        string
	Position  uint64 // 0 if it was not stored, or for some duplicates
	Duplicate bool
	Problem   *problem // nil for an event that is durable
}

// append appends the result as JSON: {"index","id","position","duplicate"} for an event
// that is durable, {"index","id","code","field","rule","detail"} for one that is not.
func (e *eventResult) append(dst []byte) []byte {
	dst = append(dst, `{"index":`...)
	dst = strconv.AppendInt(dst, int64(e.Index), 10)
	dst = appendText(dst, `,"id":`, e.ID)
	if p := e.Problem; p != nil {
		dst = appendText(dst, `,"code":`, p.Code)
		dst = appendText(dst, `,"field":`, p.Field)
		dst = appendText(dst, `,"rule":`, p.Rule)
		dst = appendText(dst, `,"detail":`, p.Detail)
		return append(dst, '}')
	}
	dst = append(dst, `,"position":`...)
	dst = strconv.AppendUint(dst, e.Position, 10)
	dst = append(dst, `,"duplicate":`...)
	dst = strconv.AppendBool(dst, e.Duplicate)
	return append(dst, '}')
}

// MarshalJSON returns what append writes.
func (e eventResult) MarshalJSON() ([]byte, error) { return e.append(nil), nil }

func appendText(dst []byte, name, text string) []byte {
	if text == "" {
		return dst
	}
	return oip.AppendString(append(dst, name...), text)
}

// postFeedback takes one event or a batch. It answers when the good ones are durable.
func (s *Server) postFeedback(w http.ResponseWriter, r *http.Request) error {
	f, err := s.model(r.PathValue("model"))
	if err != nil {
		return err
	}
	held, _ := s.bodies.Get().(*[]byte)
	if held == nil {
		held = new([]byte)
	}
	body, err := s.readBody(w, r, *held)
	*held = body
	if err != nil {
		s.keepBody(held)
		return err
	}
	results, settled, err := f.ingest(r.Context(), r.Header, body, s.cfg.Limits.Events)
	// After a failed append the log may still hold pieces of the body.
	if settled {
		s.keepBody(held)
	}
	if err != nil {
		return err
	}
	return s.answerIngest(w, f, results)
}

func (s *Server) keepBody(held *[]byte) {
	if cap(*held) <= maxScratch {
		s.bodies.Put(held)
	}
}

// ingest reads, checks and appends the events of a request, and returns what became of
// each, in order. settled says that nothing holds on to body any more.
func (f *inferrer) ingest(ctx context.Context, header http.Header, body []byte, limit int) (results []eventResult, settled bool, err error) {
	parsed, err := feedback.ParseHTTP(header, body)
	if err != nil {
		return nil, true, err
	}
	if len(parsed) > limit {
		return nil, true, newProblem(http.StatusRequestEntityTooLarge, codeTooMany, "").at("batch", "must hold at most "+strconv.Itoa(limit)+" events")
	}
	results = make([]eventResult, len(parsed))
	events := make([]feedback.Event, 0, len(parsed))
	at := make([]int, 0, len(parsed))
	for i := range parsed {
		e := &parsed[i].Event
		results[i] = eventResult{Index: i, ID: e.ID}
		consent, err := f.check(&parsed[i])
		if err != nil {
			p := asProblem(err)
			if p.Code == string(feedback.CodeConsentRefused) {
				results[i].ID = "" // nothing of it is kept, and nothing said
			}
			results[i].Problem = p
			continue
		}
		e.Consent = consent
		events = append(events, *e)
		at = append(at, i)
	}
	if len(events) == 0 {
		return results, true, nil
	}
	receipts, err := f.model.Log.Append(ctx, events)
	if receipts == nil && err != nil {
		return nil, false, err
	}
	for j, i := range at {
		if e := receipts[j].Err; e != nil {
			results[i].Problem = asProblem(e)
			continue
		}
		results[i].Position, results[i].Duplicate = uint64(receipts[j].Position), receipts[j].Duplicate
	}
	return results, err == nil, nil
}

// check returns the resolved consent of an event that may be stored, or why it may not.
func (f *inferrer) check(p *feedback.Parsed) (feedback.Consent, error) {
	if p.Refusal != nil {
		return 0, p.Refusal
	}
	rec, err := f.model.Decoder.Decode(p.Event)
	if err != nil {
		return 0, err
	}
	if t := p.Event.Type; t != feedback.TypeFeedback && t != feedback.TypePrediction {
		return 0, newProblem(http.StatusBadRequest, codeType, "").at("type", "must be "+feedback.TypeFeedback+" or "+feedback.TypePrediction+" at this endpoint")
	}
	return rec.Consent, nil
}

// answerIngest answers 202 when at least one event is durable, or was left out because
// its person said so; otherwise with the problem that all of them share, or 400.
func (s *Server) answerIngest(w http.ResponseWriter, f *inferrer, results []eventResult) error {
	stored, withheld := 0, 0
	for i := range results {
		p := results[i].Problem
		switch {
		case p == nil:
			stored++
			continue
		case p.Code == string(feedback.CodeConsentRefused):
			withheld++
		}
		s.metrics.refusals.WithLabelValues(f.model.Name, p.Code).Inc()
	}
	s.metrics.accepted.WithLabelValues(f.model.Name).Add(float64(stored))
	refused := len(results) - stored - withheld
	if refused == len(results) && refused > 0 {
		return allRefused(results)
	}
	body := make([]byte, 0, 64+96*len(results))
	body = append(body, `{"accepted":`...)
	body = strconv.AppendInt(body, int64(stored), 10)
	body = append(body, `,"refused":`...)
	body = strconv.AppendInt(body, int64(refused), 10)
	body = append(body, `,"withheld":`...)
	body = strconv.AppendInt(body, int64(withheld), 10)
	body = append(body, `,"results":[`...)
	for i := range results {
		if i > 0 {
			body = append(body, ',')
		}
		body = results[i].append(body)
	}
	body = append(body, "]}\n"...)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(body) // an error means that the client went away; the events are durable
	return nil
}

// allRefused is the problem of a request none of whose events was accepted. One event's
// own problem stands for the request; of several, each is listed by index.
func allRefused(results []eventResult) error {
	first := results[0].Problem
	if len(results) == 1 {
		return first
	}
	p := newProblem(http.StatusBadRequest, codeRefused, "every event of the batch was refused; see errors")
	p.Code, p.Field, p.Rule = first.Code, first.Field, first.Rule
	for _, r := range results {
		if r.Problem.Code != first.Code {
			p.Code, p.Field, p.Rule = codeRefused, "batch", "must hold an event that can be accepted"
		}
	}
	p.Errors = results
	return p
}
