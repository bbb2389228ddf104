package feedback

import (
	"fmt"
	"mime"
	"net/http"

	"github.com/perennial-ml/perennial/feedback/internal/jsonscan"
)

// Media types of CloudEvents over HTTP.
const (
	MediaEvent = "application/cloudevents+json"
	MediaBatch = "application/cloudevents-batch+json"
)

// MaxBatch is the largest number of events in one batch.
const MaxBatch = 10_000

// Parsed is one event of a request, or the reason why it could not be read.
type Parsed struct {
	// Event holds, beside a Refusal, what could be read.
	Event   Event
	Refusal *Refusal
	Index   int // place in the batch, from 0
}

// ParseHTTP reads the CloudEvents of a request: one in structured mode, a batch, or
// one in binary mode, as the Content-Type and the "ce-" headers say. Events share
// body's memory; the caller bounds body.
//
// A fault in one event is that event's Refusal and leaves the others as they are.
// The error, always a *Refusal, is for requests that cannot be told apart into
// events: no CloudEvent by its headers, a batch that is not a JSON array, more than
// MaxBatch events.
func ParseHTTP(header http.Header, body []byte) ([]Parsed, error) {
	contentType := header.Get("Content-Type")
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil && contentType != "" {
		return nil, refuse(CodeMediaType, "content-type", "must be a media type")
	}
	switch {
	case (media == MediaEvent || media == MediaBatch) && !utf8Charset(params):
		return nil, refuse(CodeMediaType, "content-type", "must be in UTF-8")
	case media == MediaEvent:
		e, r := parseStructured(body)
		return []Parsed{{Event: e, Refusal: r}}, nil
	case media == MediaBatch:
		return parseBatch(body)
	case isCloudEventType(media) || !binaryMode(header):
		return nil, refuse(CodeMediaType, "content-type",
			"must be "+MediaEvent+" or "+MediaBatch+", or the event must be in ce- headers beside JSON data")
	}
	e, r := binaryEvent(header, body)
	if r == nil && contentType != "" && !isJSON(contentType) {
		r = refuse(CodeMediaType, "content-type", ruleJSON)
		if e.Consent == ConsentNone {
			r = refuse(CodeConsentRefused, "consent", ruleConsentGiven)
		}
	}
	return []Parsed{{Event: e, Refusal: r}}, nil
}

// maxBatchDepth bounds nesting while a batch is cut into events, generously, so that
// an event that nests too deeply is refused alone.
const maxBatchDepth = 256

// parseBatch cuts the array into events first, looking at brackets and quotes alone,
// so that a fault inside one event stays inside.
func parseBatch(body []byte) ([]Parsed, error) {
	s := jsonscan.NewLoose(body, maxBatchDepth)
	if s.Kind() != jsonscan.Array {
		return nil, refuse(CodeWrongType, "batch", "must be a JSON array of events")
	}
	if err := s.Open(); err != nil {
		return nil, scanRefusal(&s, "batch", maxBatchDepth, err)
	}
	var out []Parsed
	for first := true; ; first = false {
		more, err := s.Elem(first)
		if err != nil {
			return nil, scanRefusal(&s, "batch", maxBatchDepth, err)
		}
		if !more {
			break
		}
		if len(out) == MaxBatch {
			return nil, refuse(CodeTooMany, "batch", fmt.Sprintf("must hold at most %d events", MaxBatch))
		}
		raw, err := s.Skip()
		if err != nil {
			return nil, scanRefusal(&s, "batch", maxBatchDepth, err)
		}
		e, r := parseStructured(raw)
		out = append(out, Parsed{Event: e, Refusal: r, Index: len(out)})
	}
	if err := s.End(); err != nil {
		return nil, scanRefusal(&s, "batch", maxBatchDepth, err)
	}
	return out, nil
}
