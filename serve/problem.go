package serve

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/ledger"
	"github.com/perennial-ml/perennial/serve/oip"
)

// The codes of refusals that the server itself makes; those of events are package
// feedback's and those of tensors package oip's. docs/http.md lists them.
const (
	codeNotFound     = "not_found"
	codeModelUnknown = "model_unknown"
	codeModelChoice  = "model_not_named"
	codeVersion      = "version_not_loaded"
	codeNotReady     = "not_ready"
	codeMethod       = "method_not_allowed"
	codeMediaType    = string(feedback.CodeMediaType)
	codeTooLarge     = "body_too_large"
	codeBody         = "body_unreadable"
	codeBusy         = "busy"
	codeStalled      = "log_stalled"
	codeFull         = "log_full"
	codeUnstorable   = "unstorable"
	codeTimeout      = "timeout"
	codeUnauthorized = "unauthorized"
	codeForbidden    = "forbidden"
	codeParameter    = "parameter"
	codeTooMany      = "too_many"
	codeRefused      = "all_refused"
	codeType         = "type_not_allowed"
	codeInternal     = "internal"
)

// errNonFinite says that a model's output is no number.
var errNonFinite = errors.New("output is not finite")

// A problem is an answer to a request that failed: RFC 9457 for the ingest and admin
// endpoints, {"error": …} for the inference endpoints, with the same code, field and
// rule in both.
type problem struct {
	Type   string        `json:"type"`
	Title  string        `json:"title"`
	Status int           `json:"status"`
	Detail string        `json:"detail,omitempty"`
	Code   string        `json:"code"`
	Field  string        `json:"field,omitempty"`
	Rule   string        `json:"rule,omitempty"`
	Errors []eventResult `json:"errors,omitempty"`

	retryAfter int // seconds; 0 leaves the header out
}

func (p *problem) Error() string {
	switch {
	case p.Field != "" && p.Rule != "":
		return p.Field + " " + p.Rule + suffix(p.Detail)
	case p.Detail != "":
		return p.Detail
	}
	return p.Title
}

func suffix(detail string) string {
	if detail == "" {
		return ""
	}
	return ": " + detail
}

// newProblem returns a problem. Its type is a URN,
// stable for each code.
func newProblem(status int, code, detail string) *problem {
	return &problem{Type: "urn:perennial:problem:" + code, Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

func (p *problem) at(field, rule string) *problem {
	p.Field, p.Rule = field, rule
	return p
}

func (p *problem) after(seconds int) *problem {
	p.retryAfter = seconds
	return p
}

// asProblem turns any error into the problem that it is answered with.
func asProblem(err error) *problem {
	var (
		own     *problem
		tensor  *oip.Error
		refusal *feedback.Refusal
		encode  *feature.Error
		tooBig  *http.MaxBytesError
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &tensor):
		status := http.StatusBadRequest
		if tensor.Code == oip.CodeTooLarge {
			status = http.StatusRequestEntityTooLarge
		}
		return newProblem(status, tensor.Code, "").at(tensor.Field, tensor.Rule)
	case errors.As(err, &refusal):
		return newProblem(refusalStatus(refusal.Code), string(refusal.Code), refusal.Detail).at(refusal.Field, refusal.Rule)
	case errors.As(err, &encode):
		return newProblem(http.StatusBadRequest, string(encode.Reason), encode.Detail).at(encode.Field, encode.Rule)
	case errors.As(err, &tooBig):
		return newProblem(http.StatusRequestEntityTooLarge, codeTooLarge, "").at("body", "must have at most "+strconv.FormatInt(tooBig.Limit, 10)+" bytes")
	case errors.Is(err, ledger.ErrBusy):
		return newProblem(http.StatusTooManyRequests, codeBusy, "the log takes no more at the moment").after(1)
	case errors.Is(err, ledger.ErrStalled):
		return newProblem(http.StatusServiceUnavailable, codeStalled, "the log does not answer; a retry with the same ids stores nothing twice").after(2)
	case errors.Is(err, ledger.ErrFull):
		return newProblem(http.StatusInsufficientStorage, codeFull, "the log, or the disk that it is on, has no room; a retry with the same ids stores nothing twice").after(60)
	case errors.Is(err, ledger.ErrTooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, codeTooLarge, err.Error())
	case errors.Is(err, ledger.ErrUnstorable):
		return newProblem(http.StatusBadRequest, codeUnstorable, err.Error())
	case errors.Is(err, ledger.ErrClosed), errors.Is(err, errClosed):
		return newProblem(http.StatusServiceUnavailable, codeNotReady, "the server is stopping").after(2)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return newProblem(http.StatusServiceUnavailable, codeTimeout, err.Error()).after(1)
	}
	return newProblem(http.StatusInternalServerError, codeInternal, err.Error())
}

func refusalStatus(code feedback.Code) int {
	switch code {
	case feedback.CodeMediaType:
		return http.StatusUnsupportedMediaType
	case feedback.CodeTooLarge, feedback.CodeTooMany:
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

// write answers with p, in RFC 9457's form, or in the inference protocol's.
func (p *problem) write(w http.ResponseWriter, inference bool) {
	h := w.Header()
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="perennial"`)
	}
	h.Set("Cache-Control", "no-store")
	if !inference {
		h.Set("Content-Type", "application/problem+json")
		w.WriteHeader(p.Status)
		_ = json.NewEncoder(w).Encode(p) // the client went away
		return
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(struct {
		Error string `json:"error"`
		Code  string `json:"code"`
		Field string `json:"field,omitempty"`
		Rule  string `json:"rule,omitempty"`
	}{p.Error(), p.Code, p.Field, p.Rule})
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // an error means that the client went away
	return nil
}
