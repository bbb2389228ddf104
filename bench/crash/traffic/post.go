package traffic

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 4 << 20

// A poster sends requests until they are answered for good.
type poster struct {
	base string
	http *http.Client
	book *Book
}

func newPoster(base string, book *Book) *poster {
	return &poster{base: base, book: book, http: &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: 30 * time.Second},
	}}
}

// errGone is returned when the run ended before a request was acknowledged.
var errGone = errors.New("the run ended first")

// do sends a request again and again until it is answered by something else than 429
// or 5xx. It returns errGone if ctx ends first.
func (p *poster) do(ctx context.Context, method, path string, header http.Header, body []byte) (int, []byte, error) {
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		status, answer, err := p.once(ctx, method, path, header, body)
		if err == nil && status != http.StatusTooManyRequests && status < 500 {
			p.book.count(func(s *Stats) { s.Requests++ })
			return status, answer, nil
		}
		p.book.count(func(s *Stats) {
			s.Retries++
			if status == http.StatusInternalServerError {
				s.Errors500++
			}
		})
		select {
		case <-ctx.Done():
			return 0, nil, errGone
		case <-time.After(pause):
		}
	}
}

func (p *poster) once(ctx context.Context, method, path string, header http.Header, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header = header
	resp, err := p.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, answer, err
}
