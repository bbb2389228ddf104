package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/user"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/cmd/learner/config"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/feedback"
)

// rolledBack answers 'checkpoint rollback'.
type rolledBack struct {
	Model    string `json:"model"`
	Version  uint64 `json:"version"`
	Position uint64 `json:"position"` // of the record that says so
	By       string `json:"by"`       // daemon: at work already; log: when the daemon starts
}

func (a *app) rollbackCommand() *cobra.Command {
	var (
		model string
		c     = feedback.Control{Action: feedback.Rollback}
	)
	cmd := &cobra.Command{
		Use:   "rollback VERSION",
		Short: "Point stable at an earlier version, and pin it there",
		Long: `rollback adds a record to the log that takes the stable channel back to VERSION (v123,
123, a channel or a tag) and pins it there until 'unpin'. With --learner the learner goes
back too: its weights become the version's, its optimizer starts afresh, and its memory
forgets what it learned since. Nothing is deleted: rolling forward is the same command.

A running daemon is asked over HTTP; without one, the record waits in the log.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			cfg, logger, err := a.load()
			if err != nil {
				return err
			}
			m, err := pickModel(cfg, model)
			if err != nil {
				return err
			}
			store, err := machine.OpenStoreReader(cfg, m, logger)
			if err != nil {
				return err
			}
			v, err := resolve(store, list[0])
			if err = errors.Join(err, store.Close()); err != nil {
				return err
			}
			c.Version = uint64(v)
			if c.Actor == "" {
				c.Actor = whoami()
			}
			done, err := a.control(cmd.Context(), cfg, m, c)
			if err != nil {
				return err
			}
			return a.answer(done, func(w io.Writer) error {
				when := "the daemon carries it out now"
				if done.By == "log" {
					when = "no daemon is running; it is carried out at the next start"
				}
				_, err := fmt.Fprintf(w, "model %s rolls back to %s by record %d; %s\n", m.Name, v, done.Position, when)
				return err
			})
		},
	}
	modelFlag(cmd, &model)
	cmd.Flags().BoolVar(&c.Learner, "learner", false, "take the learner back too, and forget what it learned since")
	cmd.Flags().BoolVar(&c.Unpinned, "unpinned", false, "let the policy promote newer versions at once")
	cmd.Flags().StringVar(&c.Reason, "reason", "", "why, for the record")
	cmd.Flags().StringVar(&c.Actor, "actor", "", "who, for the record; default the user running this")
	return cmd
}

func whoami() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// control brings a decision into the log: through the daemon, or without one directly.
func (a *app) control(ctx context.Context, cfg *config.Config, m config.Model, c feedback.Control) (rolledBack, error) {
	done := rolledBack{Model: m.Name, Version: c.Version, By: "daemon"}
	pos, err := askDaemon(ctx, cfg, m.Name, c)
	if err == nil {
		done.Position = pos
		return done, nil
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return done, err
	}
	done.By = "log"
	err = a.withMachine(ctx, m.Name, true, func(mach *machine.Machine) error {
		ev, err := feedback.NewControl(rand.Text(), "perennial/learner", c)
		if err != nil {
			return err
		}
		receipts, err := mach.Decide(ctx, ev)
		if err != nil {
			return err
		}
		done.Position = uint64(receipts[0].Position)
		return mach.Store.SetChannel("stable", checkpoint.Version(c.Version))
	})
	return done, err
}

// askDaemon posts the control to the daemon of the configuration.
func askDaemon(ctx context.Context, cfg *config.Config, model string, c feedback.Control) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	body, err := json.Marshal(c)
	if err != nil {
		return 0, err
	}
	host, port, err := net.SplitHostPort(cfg.HTTP.Address)
	if err != nil {
		return 0, fmt.Errorf("http.address: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	url := "http://" + net.JoinHostPort(host, port) + "/v1/models/" + model + "/control"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	if cfg.HTTP.AdminToken != "" {
		req.Header.Set("Authorization", "Bearer "+cfg.HTTP.AdminToken)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusAccepted {
		return 0, fmt.Errorf("%s: %s: %s", url, resp.Status, bytes.TrimSpace(data))
	}
	var ans struct {
		Position uint64 `json:"position"`
	}
	if err := json.Unmarshal(data, &ans); err != nil {
		return 0, fmt.Errorf("%s: %w", url, err)
	}
	return ans.Position, nil
}
