package serve

import (
	"net/http"

	"github.com/perennial-ml/perennial/serve/oip"
)

func (s *Server) getLive(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, map[string]bool{"live": true})
}

// getReady answers 200 while every model has a stable version, every learner has caught
// up with its log, and the server is not stopping; else 503.
func (s *Server) getReady(w http.ResponseWriter, _ *http.Request) error {
	ready := !s.draining.Load()
	for _, f := range s.models {
		ready = ready && current(f.model.Stable) != nil && (f.model.CaughtUp == nil || f.model.CaughtUp())
	}
	return writeJSON(w, readyStatus(ready), map[string]bool{"ready": ready})
}

func readyStatus(ready bool) int {
	if ready {
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}

func (s *Server) getServer(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, oip.ServerMetadata{
		Name: "perennial", Version: s.opt.Version,
		Extensions: []string{"perennial_feedback", "perennial_prediction_id", "perennial_channels"},
	})
}

func (s *Server) getMetadata(w http.ResponseWriter, r *http.Request) error {
	f, err := s.model(r.PathValue("model"))
	if err != nil {
		return err
	}
	version := r.PathValue("version")
	if version != "" {
		if _, err := f.pin(version); err != nil {
			return err
		}
	}
	return writeJSON(w, http.StatusOK, oip.ModelMetadata{
		Name: f.model.Name, Versions: f.versions(), Platform: "perennial_" + f.model.Spec.Kind,
		Inputs: f.schema.Inputs(), Outputs: f.model.outputs(),
	})
}

// getModelReady answers 200 if the version in the path can be served now, 503 if the
// model has none yet, and 404 for a version that is not loaded.
func (s *Server) getModelReady(w http.ResponseWriter, r *http.Request) error {
	f, err := s.model(r.PathValue("model"))
	if err != nil {
		return err
	}
	_, err = f.pin(r.PathValue("version"))
	if err != nil && asProblem(err).Status == http.StatusNotFound {
		return err
	}
	ready := err == nil && !s.draining.Load()
	return writeJSON(w, readyStatus(ready), oip.ModelReady{Name: f.model.Name, Ready: ready})
}

func (s *Server) postInfer(w http.ResponseWriter, r *http.Request) error {
	f, err := s.model(r.PathValue("model"))
	if err != nil {
		return err
	}
	sc := f.scratch.Get().(*scratch)
	defer func() {
		if cap(sc.body) <= maxScratch {
			f.scratch.Put(sc)
		}
	}()
	if sc.body, err = s.readBody(w, r, sc.body); err != nil {
		return err
	}
	answer, err := f.answer(r.Context(), sc, r.PathValue("version"))
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(answer) // an error means that the client went away
	return nil
}
