package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

// config adds what the schema cannot say: what concerns several fields, and what
// the rooms know about their own.
func (c checker) config(cfg *Config) {
	if rule := address(cfg.HTTP.Address); rule != "" {
		c.object([]string{"http", "address"}, rule)
	}
	c.ask([]string{"http"}, cfg.HTTP.Validate())
	c.ask([]string{"log"}, cfg.Log.Validate())
	c.ask([]string{"compute"}, cfg.Compute.Validate())
	names := make(map[string]int, len(cfg.Models))
	for i, m := range cfg.Models {
		at := []string{"models", strconv.Itoa(i)}
		// Names are folders, and some file systems do not tell A from a.
		folded := strings.ToLower(m.Name)
		if first, taken := names[folded]; taken && m.Name != "" {
			c.object(step(at, "name"), fmt.Sprintf("must be unique, upper and lower case alike: models[%d] has it", first))
		} else {
			names[folded] = i
		}
		c.model(at, m)
	}
}

func (c checker) model(at []string, m Model) {
	c.ask(at, m.Dictionary().Validate(), alias{"unknown", "unknown_features"})
	c.ask(at, optim.Validate(m.Optimizer))
	c.ask(at, m.Replay.Validate())
	c.ask(at, m.Promote.Validate())
	c.ask(step(at, "checkpoint"), m.Checkpoint.Config.Validate())
	if !c.buckets(at, m) {
		return
	}
	c.architecture(at, m)
	// The engine sees the whole last: what it objects to first is often one of the
	// above, and then it is not said twice.
	if e, err := m.Engine(1); err == nil {
		c.ask(at, e.Validate(), specAliases()...)
	}
}

// buckets holds the rule of a shared table at the features, whose order is not that of the
// spec's categories. It returns false if it is broken.
func (c checker) buckets(at []string, m Model) bool {
	for i, f := range m.Features {
		if m.Model.Table > 0 && f.Buckets > m.Model.Table {
			c.object(append(at[:len(at):len(at)], "features", strconv.Itoa(i), "buckets"),
				fmt.Sprintf("must be at most model.table, %d", m.Model.Table))
			return false
		}
	}
	return true
}

func (c checker) architecture(at []string, m Model) {
	if m.Model.Kind == "linear" && m.Model.Hidden != nil {
		c.object(append(at[:len(at):len(at)], "model", "hidden"), "must be absent: a linear model has no hidden layers")
	}
	if m.Model.Kind == "linear" && m.Model.Activation != "" {
		c.object(append(at[:len(at):len(at)], "model", "activation"), "must be absent: a linear model has no hidden layers")
	}
	spec, err := m.Spec()
	if err != nil {
		return // the dictionary was asked before
	}
	if len(spec.Bags) > 0 && len(models.Tables(spec)) == 0 {
		for i, f := range m.Features {
			if f.Max > 0 {
				c.object(append(at[:len(at):len(at)], "features", strconv.Itoa(i), "max"),
					fmt.Sprintf("must be absent for model.kind %s, which reads categories one-hot; deepfm, wide_and_deep and sparse_linear read several values", m.Model.Kind))
			}
		}
		return
	}
	c.ask(at, spec.Validate(), specAliases()...)
}

// specAliases says where the fields of models.Spec and of the engine's first arm
// stand in the file.
func specAliases() []alias {
	return []alias{
		{"kind", "model.kind"}, {"image", "model.image"}, {"conv", "model.conv"}, {"norm", "model.norm"}, {"class_norm", "model.class_norm"}, {"dropout", "model.dropout"}, {"init", "model.init"}, {"hidden", "model.hidden"}, {"activation", "model.activation"},
		{"splines", "model.splines"},
		{"embedding", "model.embedding"}, {"table", "model.table"},
		{"dense", "features"}, {"categories", "features"}, {"bags", "features"}, {"arms[0]", ""},
	}
}

// address is the rule of what can be bound.
func address(value string) string {
	_, port, err := net.SplitHostPort(value)
	if n, perr := strconv.Atoi(port); err != nil || perr != nil || n < 0 || n > 65535 {
		return "must be host:port, with a port from 0 to 65535"
	}
	return ""
}
