package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// newClient returns a client that keeps one connection for each of so many callers.
func newClient(callers int) *http.Client {
	return &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			MaxIdleConns: callers, MaxIdleConnsPerHost: callers, DisableCompression: true,
			WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10,
		},
	}
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 4 << 20

func get(ctx context.Context, c *http.Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %.300s", url, resp.Status, body)
	}
	return body, nil
}

// errBusy says that the learner asked to be spared for a moment.
var errBusy = errors.New("busy")

// post sends body and appends the answer to dst.
func post(ctx context.Context, c *http.Client, url, media string, body, dst []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return dst, err
	}
	req.Header.Set("Content-Type", media)
	resp, err := c.Do(req)
	if err != nil {
		return dst, err
	}
	defer resp.Body.Close()
	into := bytes.NewBuffer(dst)
	if _, err := io.Copy(into, io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return dst, err
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusAccepted:
		return into.Bytes(), nil
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return dst, errBusy
	}
	return dst, fmt.Errorf("%s: %s: %.300s", url, resp.Status, into.Bytes())
}

// number returns the whole number behind the first occurrence of key, which may stand in
// quotes.
func number(answer []byte, key string) (uint64, bool) {
	_, rest, ok := bytes.Cut(answer, []byte(key))
	if !ok {
		return 0, false
	}
	rest = bytes.TrimLeft(rest, ` "`)
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	n, err := strconv.ParseUint(string(rest[:end]), 10, 64)
	return n, err == nil
}
