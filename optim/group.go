package optim

import (
	"fmt"
	"path"

	"github.com/perennial-ml/perennial/models"
)

// A Group gives tensors a rate of their own: it multiplies their part of the step.
type Group struct {
	// Tensors is a pattern of names, as path.Match reads it: output.bias, *.bias, hidden.*.
	Tensors string `yaml:"tensors" json:"tensors"`
	// Factor is in [0, 1]; tensors with 0 stay what they are.
	Factor float64 `yaml:"factor" json:"factor"`
}

func (g Group) validate(field string) error {
	if _, err := path.Match(g.Tensors, ""); g.Tensors == "" || err != nil {
		return configError(field+".tensors", "is %q, must be a pattern of names of tensors", g.Tensors)
	}
	if !(g.Factor >= 0 && g.Factor <= 1) {
		return configError(field+".factor", "is %v, must be in [0, 1]", g.Factor)
	}
	return nil
}

// rates returns the factor of each named tensor, that of the first group that matches it, and
// nil without groups. It returns ErrConfig for a group that none is left for.
func rates(groups []Group, names []string) ([]float64, error) {
	if len(groups) == 0 {
		return nil, nil
	}
	out, taken := make([]float64, len(names)), make([]bool, len(groups))
	for i, name := range names {
		out[i] = 1
		for k, g := range groups {
			if ok, err := path.Match(g.Tensors, name); err == nil && ok {
				out[i], taken[k] = g.Factor, true
				break
			}
		}
	}
	for k, ok := range taken {
		if !ok {
			return nil, configError(fmt.Sprintf("schedule.groups[%d].tensors", k),
				"is %q, must match a tensor that no group before it does; there are %q", groups[k].Tensors, names)
		}
	}
	return out, nil
}

// CheckGroups returns ErrConfig, naming the entry, if a valid list has a group of tensors that
// a model with tensors of these names has not.
func CheckGroups(list []Config, names []string) error {
	for i, c := range list {
		if c.Schedule == nil {
			continue
		}
		if _, err := rates(c.Schedule.Groups, names); err != nil {
			return fmt.Errorf("optimizer[%d]: %w", i, err)
		}
	}
	return nil
}

func namesOf(params models.Params) []string {
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.Name
	}
	return names
}
