package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"mime"
	"net"
	"net/http"
	"strings"

	"github.com/perennial-ml/perennial/feedback"
)

// authorize says whether a request may control a model. With a token it must carry it.
// Without one, the server must listen on loopback, and the request must name a loopback
// host: a page whose name was made to point here does not.
func (s *Server) authorize(r *http.Request) error {
	if s.cfg.AdminToken == "" {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if s.loopbackOnly() && isLoopback(host) {
			return nil
		}
		return newProblem(http.StatusForbidden, codeForbidden, "control is closed: configure admin_token, or listen on and call a loopback address")
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	got, want := sha256.Sum256([]byte(strings.TrimSpace(token))), sha256.Sum256([]byte(s.cfg.AdminToken))
	if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		return newProblem(http.StatusUnauthorized, codeUnauthorized, "").at("authorization", "must be Bearer and the configured admin token")
	}
	return nil
}

// postControl appends a decision: the body is a feedback.Control. It answers when the
// decision is on disk; the learner carries it out when it comes to that position.
func (s *Server) postControl(w http.ResponseWriter, r *http.Request) error {
	f, err := s.model(r.PathValue("model"))
	if err != nil {
		return err
	}
	if err := s.authorize(r); err != nil {
		return err
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return newProblem(http.StatusUnsupportedMediaType, codeMediaType, "").at("content-type", "must be application/json")
	}
	body, err := s.readBody(w, r, nil)
	if err != nil {
		return err
	}
	id := r.Header.Get("Idempotency-Key")
	if id == "" {
		id = s.opt.NewID()
	}
	e := feedback.Event{ID: id, Source: s.cfg.Source, Type: feedback.TypeControl, Time: s.opt.Now(), Data: body}
	if _, err := f.model.Decoder.Decode(e); err != nil {
		return err
	}
	receipts, err := f.model.Log.Append(r.Context(), []feedback.Event{e})
	if err != nil {
		return err
	}
	s.opt.Logger.Info("control appended", "model", f.model.Name, "id", id, "position", receipts[0].Position)
	return writeJSON(w, http.StatusAccepted, struct {
		ID        string `json:"id"`
		Position  uint64 `json:"position"`
		Duplicate bool   `json:"duplicate"`
	}{id, uint64(receipts[0].Position), receipts[0].Duplicate})
}

// channelStatus is one channel as this server serves it.
type channelStatus struct {
	Version  uint64  `json:"version"`
	Fraction float64 `json:"fraction"` // of subjects
}

// modelView answers GET /v1/models/{model}.
type modelView struct {
	Model    string                   `json:"model"`
	Task     string                   `json:"task"`
	Channels map[string]channelStatus `json:"channels"`
	Shadow   bool                     `json:"shadow"`
	Learner  *ModelStatus             `json:"learner"` // null for a server without a learner
}

func (f *inferrer) view() modelView {
	v := modelView{Model: f.model.Name, Task: string(f.model.Spec.Task), Shadow: f.shadow, Channels: map[string]channelStatus{}}
	fraction := 0.0
	if w := current(f.model.Candidate); w != nil {
		fraction = f.split.candidate
		v.Channels[Candidate] = channelStatus{Version: uint64(w.Version), Fraction: fraction}
	}
	if w := current(f.model.Stable); w != nil {
		v.Channels[Stable] = channelStatus{Version: uint64(w.Version), Fraction: 1 - fraction}
	}
	return v
}

func (s *Server) getModels(w http.ResponseWriter, _ *http.Request) error {
	list := make([]modelView, 0, len(s.names))
	for _, name := range s.names {
		list = append(list, s.models[name].view())
	}
	return writeJSON(w, http.StatusOK, map[string]any{"models": list})
}

func (s *Server) getStatus(w http.ResponseWriter, r *http.Request) error {
	f, err := s.model(r.PathValue("model"))
	if err != nil {
		return err
	}
	v := f.view()
	if f.model.Status != nil {
		status, err := f.model.Status.Status(r.Context())
		if err != nil {
			return err
		}
		v.Learner = &status
	}
	return writeJSON(w, http.StatusOK, v)
}

// learner returns the model in the path and its Status, or a 404 where there is none.
func (s *Server) learner(r *http.Request) (Status, error) {
	f, err := s.model(r.PathValue("model"))
	if err != nil {
		return nil, err
	}
	if f.model.Status == nil {
		return nil, newProblem(http.StatusNotFound, codeNotFound, "this server only serves: ask the learner's")
	}
	return f.model.Status, nil
}

func (s *Server) getVersions(w http.ResponseWriter, r *http.Request) error {
	status, err := s.learner(r)
	if err != nil {
		return err
	}
	versions, err := status.Versions(r.Context())
	if err != nil {
		return err
	}
	if versions == nil {
		versions = []VersionInfo{}
	}
	return writeJSON(w, http.StatusOK, map[string]any{"versions": versions})
}

func (s *Server) getReport(w http.ResponseWriter, r *http.Request) error {
	status, err := s.learner(r)
	if err != nil {
		return err
	}
	report, err := status.Report(r.Context())
	if err != nil {
		return err
	}
	err = writeJSON(w, http.StatusOK, report.withIntervals())
	var unsupported *json.UnsupportedValueError
	if errors.As(err, &unsupported) {
		return newProblem(http.StatusInternalServerError, codeInternal, "a metric is not finite")
	}
	return err
}
