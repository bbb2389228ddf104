package serve

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// An endpoint answers a request, or returns the error to answer with. It writes
// nothing before it can fail no more.
type endpoint func(w http.ResponseWriter, r *http.Request) error

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	add := func(pattern, name string, h endpoint) { mux.Handle(pattern, s.bounded(name, h)) }
	free := func(pattern, name string, h endpoint) { mux.Handle(pattern, s.unbounded(name, h)) }

	free("GET /v2/health/live", "live", s.getLive)
	free("GET /v2/health/ready", "ready", s.getReady)
	add("GET /v2", "server", s.getServer)
	add("GET /v2/{$}", "server", s.getServer)
	for _, at := range []string{"/v2/models/{model}", "/v2/models/{model}/versions/{version}"} {
		add("GET "+at, "metadata", s.getMetadata)
		free("GET "+at+"/ready", "model_ready", s.getModelReady)
		add("POST "+at+"/infer", "infer", s.postInfer)
	}
	add("POST /v1/feedback", "feedback", s.postFeedback)
	add("POST /v1/models/{model}/feedback", "feedback", s.postFeedback)
	add("POST /v1/models/{model}/control", "control", s.postControl)
	add("GET /v1/models", "models", s.getModels)
	add("GET /v1/models/{model}", "status", s.getStatus)
	add("GET /v1/models/{model}/versions", "versions", s.getVersions)
	add("GET /v1/models/{model}/metrics", "report", s.getReport)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.opt.Registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: s.cfg.Limits.Timeout}))
	add("GET /{$}", "dashboard", s.getDashboard)
	add("/", "none", noEndpoint(mux))
	// A page in a person's browser must not be able to post to a server on loopback.
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(s.unbounded("cross_origin", func(http.ResponseWriter, *http.Request) error {
		return newProblem(http.StatusForbidden, codeForbidden, "requests of other origins' pages are refused")
	}))
	return guard.Handler(mux)
}

// noEndpoint tells a wrong method from a path that is not there.
func noEndpoint(mux *http.ServeMux) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			probe := r.Clone(r.Context())
			probe.Method = method
			if _, pattern := mux.Handler(probe); pattern != "/" && pattern != "" {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) == 0 {
			return newProblem(http.StatusNotFound, codeNotFound, "no such endpoint: "+r.URL.Path)
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return newProblem(http.StatusMethodNotAllowed, codeMethod, "this endpoint takes "+strings.Join(allowed, " and "))
	}
}

// bounded lets at most Limits.Concurrency requests in, each for at most
// Limits.Timeout.
func (s *Server) bounded(name string, h endpoint) http.Handler {
	inner := func(w http.ResponseWriter, r *http.Request) error {
		select {
		case s.slots <- struct{}{}:
		default:
			return newProblem(http.StatusTooManyRequests, codeBusy, "too many requests at once").after(1)
		}
		defer func() { <-s.slots }()
		ctx, cancel := context.WithTimeout(r.Context(), s.cfg.Limits.Timeout)
		defer cancel()
		return h(w, r.WithContext(ctx))
	}
	return s.unbounded(name, inner)
}

// unbounded counts, times and answers errors.
func (s *Server) unbounded(name string, h endpoint) http.Handler {
	latency := s.metrics.latency.WithLabelValues(name)
	ok := s.metrics.requests.WithLabelValues(name, "200")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		s.metrics.inFlight.Inc()
		defer s.metrics.inFlight.Dec()
		cw := &countingWriter{ResponseWriter: w, status: http.StatusOK}
		if err := h(cw, r); err != nil {
			p := asProblem(err)
			if p.Status >= http.StatusInternalServerError {
				s.opt.Logger.Warn("request failed", "endpoint", name, "status", p.Status, "error", err)
			}
			s.metrics.refusals.WithLabelValues(s.modelLabel(r), p.Code).Inc()
			p.write(cw, strings.HasPrefix(r.URL.Path, "/v2"))
		}
		latency.Observe(time.Since(start).Seconds())
		if cw.status == http.StatusOK {
			ok.Inc()
		} else {
			s.metrics.requests.WithLabelValues(name, strconv.Itoa(cw.status)).Inc()
		}
	})
}

// modelLabel is the model in the path if there is one of that name, so that a caller
// cannot make up label values.
func (s *Server) modelLabel(r *http.Request) string {
	name := r.PathValue("model")
	if _, ok := s.models[name]; ok {
		return name
	}
	return ""
}

type countingWriter struct {
	http.ResponseWriter
	status int
}

func (w *countingWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// readBody reads a request's body into dst, no more than the limit. It refuses a
// declared length that is over it before it reads.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, dst []byte) ([]byte, error) {
	limit := s.cfg.Limits.Body
	if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return dst, newProblem(http.StatusUnsupportedMediaType, codeMediaType, "").at("content-encoding", "must be identity")
	}
	if r.ContentLength > limit {
		return dst, &http.MaxBytesError{Limit: limit}
	}
	if n := int(r.ContentLength); n > 0 && cap(dst) < n {
		dst = make([]byte, 0, n+1)
	}
	dst = dst[:0]
	body := http.MaxBytesReader(w, r.Body, limit)
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := body.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case err == io.EOF:
			return dst, nil
		case err != nil:
			var tooBig *http.MaxBytesError
			if errors.As(err, &tooBig) {
				return dst, err
			}
			return dst, newProblem(http.StatusBadRequest, codeBody, err.Error())
		}
	}
}
