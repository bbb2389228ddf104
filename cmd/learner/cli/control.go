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

// decided answers a command that adds a decision to the log.
type decided struct {
	Model    string                 `json:"model"`
	Action   feedback.ControlAction `json:"action"`
	Version  uint64                 `json:"version,omitempty"`
	Position uint64                 `json:"position"` // of the record that says so
	By       string                 `json:"by"`       // daemon: at work already; log: when the daemon starts
}

// decision holds the flags that every decision has.
type decision struct {
	model string
	c     feedback.Control
}

func (d *decision) flags(a *app, cmd *cobra.Command) {
	a.modelFlag(cmd, &d.model)
	cmd.Flags().StringVar(&d.c.Reason, "reason", "", "why, for the record")
	cmd.Flags().StringVar(&d.c.Actor, "actor", "", "who, for the record; default the user running this")
}

func (a *app) rollbackCommand() *cobra.Command {
	d := decision{c: feedback.Control{Action: feedback.Rollback}}
	cmd := &cobra.Command{
		Use:   "rollback VERSION",
		Short: "Point stable at an earlier version, and pin it there",
		Long: `rollback adds a record to the log that takes the stable channel back to VERSION (v123,
123, a channel or a tag) and pins it there until 'checkpoint unpin'. With --learner the
learner goes back too: its weights become the version's, its optimizer starts afresh, and
its memory forgets what it learned since. Nothing is deleted: rolling forward is the same
command.

A running daemon is asked over HTTP; without one, the record waits in the log.`,
		Example: `  learner checkpoint rollback v120034 --reason "a burst of flipped labels"
  learner checkpoint rollback v120034 --learner --unpinned`,
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeVersions,
		RunE: func(cmd *cobra.Command, list []string) error {
			err := a.withStore(d.model, func(_ config.Model, s *checkpoint.Store) error {
				v, err := resolve(s, list[0])
				d.c.Version = uint64(v)
				return err
			})
			if err != nil {
				return err
			}
			return a.decide(cmd.Context(), d)
		},
	}
	d.flags(a, cmd)
	cmd.Flags().BoolVar(&d.c.Learner, "learner", false, "take the learner back too, and forget what it learned since")
	cmd.Flags().BoolVar(&d.c.Unpinned, "unpinned", false, "let the policy promote newer versions at once")
	return cmd
}

func (a *app) promoteCommand() *cobra.Command {
	return a.decisionCommand(feedback.Promote, "Point stable at the candidate, whatever the policy says",
		`promote adds a record to the log that points the stable channel at the candidate of that
moment. A pin stays: newer versions are promoted again after 'checkpoint unpin'.`,
		`  learner checkpoint promote --reason "checked by hand"`)
}

func (a *app) pinCommand() *cobra.Command {
	return a.decisionCommand(feedback.Pin, "Keep stable where it is, whatever the policy says",
		`pin adds a record to the log after which no version is promoted to stable, until
'checkpoint unpin'. The learner goes on learning, and candidate with it.`,
		`  learner checkpoint pin --reason "audit until Friday"`)
}

func (a *app) unpinCommand() *cobra.Command {
	return a.decisionCommand(feedback.Unpin, "Let the policy move stable again",
		`unpin adds a record to the log after which the policy promotes versions again.`,
		`  learner checkpoint unpin`)
}

func (a *app) boundaryCommand() *cobra.Command {
	d := decision{c: feedback.Control{Action: feedback.Boundary}}
	cmd := &cobra.Command{
		Use:   "boundary TASK",
		Short: "Say that a task ends, so that the learner consolidates it",
		Long: `boundary adds a record to the log that says that TASK, any words, ends. The learner takes
what waits for its micro-batch, and then consolidates: penalties guard what was learned so
far, and what the configuration says beside that.

A running daemon is asked over HTTP; without one, the record waits in the log.`,
		Example: `  learner boundary "season 2025" --reason "the new catalogue starts"`,
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			d.c.Task = list[0]
			return a.decide(cmd.Context(), d)
		},
	}
	d.flags(a, cmd)
	return cmd
}

// decisionCommand is a decision without a version.
func (a *app) decisionCommand(action feedback.ControlAction, short, long, example string) *cobra.Command {
	d := decision{c: feedback.Control{Action: action}}
	cmd := &cobra.Command{
		Use:     string(action),
		Short:   short,
		Long:    long + "\n\nA running daemon is asked over HTTP; without one, the record waits in the log.",
		Example: example,
		Args:    args(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.decide(cmd.Context(), d) },
	}
	d.flags(a, cmd)
	return cmd
}

// decide brings a decision into the log, through the daemon, or without one directly.
func (a *app) decide(ctx context.Context, d decision) error {
	cfg, _, err := a.load()
	if err != nil {
		return err
	}
	m, err := pickModel(cfg, d.model)
	if err != nil {
		return err
	}
	if d.c.Actor == "" {
		d.c.Actor = whoami()
	}
	done := decided{Model: m.Name, Action: d.c.Action, Version: d.c.Version, By: "daemon"}
	done.Position, err = askDaemon(ctx, cfg, m.Name, d.c)
	if errors.Is(err, syscall.ECONNREFUSED) {
		done.By = "log"
		done.Position, err = a.decideOffline(ctx, m.Name, d.c)
	}
	if err != nil {
		return err
	}
	return a.answer(done, func(w io.Writer) error {
		when := "the daemon carries it out now"
		if done.By == "log" {
			when = "no daemon is running; it is carried out at the next start"
		}
		what := string(d.c.Action)
		if d.c.Action == feedback.Rollback {
			what += " to " + checkpoint.Version(d.c.Version).String()
		}
		if d.c.Action == feedback.Boundary {
			what += " of " + d.c.Task
		}
		_, err := fmt.Fprintf(w, "model %s: %s, by record %d; %s\n", m.Name, what, done.Position, when)
		return err
	})
}

// decideOffline adds the decision to a log that no daemon holds. A rollback also moves
// the channel at once, for those who read the folder.
func (a *app) decideOffline(ctx context.Context, model string, c feedback.Control) (uint64, error) {
	var position uint64
	err := a.withMachine(ctx, model, true, func(m *machine.Machine) error {
		ev, err := feedback.NewControl(rand.Text(), "perennial/learner", c)
		if err != nil {
			return err
		}
		receipts, err := m.Decide(ctx, ev)
		if err != nil {
			return err
		}
		position = uint64(receipts[0].Position)
		if c.Action != feedback.Rollback {
			return nil
		}
		return m.Store.SetChannel("stable", checkpoint.Version(c.Version))
	})
	return position, err
}

// reason says why the daemon refused: field, rule and detail of a problem (RFC 9457), or
// the status and what else came.
func reason(status string, data []byte) string {
	var p struct{ Detail, Code, Field, Rule string }
	if json.Unmarshal(data, &p) != nil || p.Code == "" {
		return fmt.Sprintf("%s: %s", status, bytes.TrimSpace(data))
	}
	text := p.Code
	if p.Rule != "" {
		text = p.Field + ": " + p.Rule
	}
	if p.Detail != "" {
		text += " (" + p.Detail + ")"
	}
	return text
}

func whoami() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
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
		return 0, fmt.Errorf("%s: %s", url, reason(resp.Status, data))
	}
	var ans struct {
		Position uint64 `json:"position"`
	}
	if err := json.Unmarshal(data, &ans); err != nil {
		return 0, fmt.Errorf("%s: %w", url, err)
	}
	return ans.Position, nil
}
