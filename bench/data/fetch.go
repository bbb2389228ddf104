package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/perennial-ml/perennial/internal/durable"
)

// Fetch brings a file from its canonical address into the folder. It is put in place only
// when it is whole and its hash is the pinned one, if one is; progress is told the bytes
// as they come.
func (f File) Fetch(ctx context.Context, client *http.Client, folder string, progress func(n int64)) error {
	if f.URL == "" {
		return fmt.Errorf("fetch %s: it has no public address", f.Path)
	}
	path := f.at(folder)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("fetch %s: %w", f.Path, err)
	}
	temp := path + durable.TempSuffix
	defer os.Remove(temp) // gone already once it is in place
	if err := f.download(ctx, client, temp, progress); err != nil {
		return fmt.Errorf("fetch %s: %w", f.Path, err)
	}
	if _, err := (File{Path: f.Path + durable.TempSuffix, Content: f.Content, Archive: f.Archive}).Verify(folder); err != nil {
		return fmt.Errorf("fetch %s: %w", f.URL, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("fetch %s: %w", f.Path, err)
	}
	return nil
}

func (f File) download(ctx context.Context, client *http.Client, to string, progress func(n int64)) (err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", f.URL, answer.Status)
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	body := &bounded{r: answer.Body, left: maxContent}
	if _, err := io.Copy(out, io.TeeReader(body, counter(progress))); err != nil {
		return err
	}
	return out.Sync()
}

// counter is told how much was written.
type counter func(n int64)

func (c counter) Write(p []byte) (int, error) {
	c(int64(len(p)))
	return len(p), nil
}
