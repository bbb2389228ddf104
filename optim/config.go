package optim

import (
	"fmt"
	"math"

	"github.com/perennial-ml/perennial/models"
)

// A Config is one entry of the list that New builds: exactly one field is set.
type Config struct {
	SI       *SI       `yaml:"si,omitempty" json:"si,omitempty"`
	RWalk    *RWalk    `yaml:"rwalk,omitempty" json:"rwalk,omitempty"`
	EWC      *EWC      `yaml:"ewc,omitempty" json:"ewc,omitempty"`
	MAS      *MAS      `yaml:"mas,omitempty" json:"mas,omitempty"`
	L2       *L2       `yaml:"l2,omitempty" json:"l2,omitempty"`
	L2SP     *L2SP     `yaml:"l2sp,omitempty" json:"l2sp,omitempty"`
	Clip     *Clip     `yaml:"clip,omitempty" json:"clip,omitempty"`
	SGD      *SGD      `yaml:"sgd,omitempty" json:"sgd,omitempty"`
	AdamW    *AdamW    `yaml:"adamw,omitempty" json:"adamw,omitempty"`
	Adagrad  *Adagrad  `yaml:"adagrad,omitempty" json:"adagrad,omitempty"`
	FTRL     *FTRL     `yaml:"ftrl,omitempty" json:"ftrl,omitempty"`
	Schedule *Schedule `yaml:"schedule,omitempty" json:"schedule,omitempty"`
}

// A builder is what each field of a Config points to.
type builder interface {
	Validate() error
	Build(models.Params) (*Pipeline, error)
}

// rank is the place of a kind in a chain, and why a kind of higher rank may not stand
// before it.
type rank struct {
	at  int
	why string
}

var (
	rankSI   = rank{1, "it integrates the plain gradient of the loss"}
	rankEWC  = rank{2, "it estimates the Fisher information from the plain gradient of the loss"}
	rankMAS  = rank{3, "it is part of the gradient that is clipped and descended"}
	rankL2   = rank{4, "it is part of the gradient that is clipped and descended"}
	rankL2SP = rank{5, "it is part of the gradient that is clipped and descended"}
	rankClip = rank{6, "it bounds the gradient, not the step"}
	rankMain = rank{7, "a schedule scales the step of the optimizer"}
	rankLast = rank{8, ""}
)

// entry returns the kind that is set, and ErrConfig unless it is exactly one.
func (c Config) entry() (name string, b builder, r rank, err error) {
	n := 0
	set := func(present bool, kind string, what builder, where rank) {
		if present {
			n++
			name, b, r = kind, what, where
		}
	}
	set(c.SI != nil, "si", c.SI, rankSI)
	set(c.RWalk != nil, "rwalk", c.RWalk, rankSI)
	set(c.EWC != nil, "ewc", c.EWC, rankEWC)
	set(c.MAS != nil, "mas", c.MAS, rankMAS)
	set(c.L2 != nil, "l2", c.L2, rankL2)
	set(c.L2SP != nil, "l2sp", c.L2SP, rankL2SP)
	set(c.Clip != nil, "clip", c.Clip, rankClip)
	set(c.SGD != nil, "sgd", c.SGD, rankMain)
	set(c.AdamW != nil, "adamw", c.AdamW, rankMain)
	set(c.Adagrad != nil, "adagrad", c.Adagrad, rankMain)
	set(c.FTRL != nil, "ftrl", c.FTRL, rankMain)
	set(c.Schedule != nil, "schedule", c.Schedule, rankLast)
	if n != 1 {
		err = fmt.Errorf("sets %d kinds, must set exactly one of si, rwalk, ewc, mas, l2, l2sp, clip, sgd, adamw, adagrad, ftrl, schedule", n)
	}
	return name, b, r, err
}

// Validate checks an entry by itself.
func (c Config) Validate() error {
	_, b, _, err := c.entry()
	if err != nil {
		return fmt.Errorf("%w: entry %w", ErrConfig, err)
	}
	return b.Validate()
}

// Validate checks a list of entries: each by itself, and their order, which is si or rwalk, ewc, mas,
// l2, l2sp, clip, one optimizer, schedule; all but the optimizer may be absent.
func Validate(list []Config) error {
	optimizer := ""
	last, lastName := rank{}, ""
	for i, c := range list {
		field := fmt.Sprintf("optimizer[%d]", i)
		name, b, r, err := c.entry()
		if err != nil {
			return configError(field, "%w", err)
		}
		if err := b.Validate(); err != nil {
			return fmt.Errorf("%s: %w", field, err)
		}
		switch {
		case r.at == rankMain.at && optimizer != "":
			return configError(field, "is %s beside %s, must be the only one of sgd, adamw, adagrad, ftrl", name, optimizer)
		case r.at == last.at && name != lastName:
			return configError(field, "is %s after %s, must not stand beside it: both take the plain gradient", name, lastName)
		case r.at == last.at:
			return configError(field, "is a second %s, must be the only one", name)
		case r.at < last.at:
			return configError(field, "is %s after %s, must come before it: %s", name, lastName, r.why)
		}
		if r.at == rankLast.at && optimizer == "ftrl" {
			return configError(field, "is schedule after ftrl, must be absent: the rate of ftrl falls by itself, for each parameter")
		}
		if r.at == rankMain.at {
			optimizer = name
		}
		if c.EWC != nil && last.at == rankSI.at && c.EWC.WithDefaults().Fisher == FisherStreaming {
			return configError(field, "is ewc with fisher streaming after %s, must have another fisher: both take the plain gradient", lastName)
		}
		last, lastName = r, name
	}
	if optimizer == "" {
		return configError("optimizer", "has no optimizer, must list one of sgd, adamw, adagrad, ftrl")
	}
	return nil
}

// New builds the Transforms of a valid list, in its order, for these parameters. The
// result keeps no reference to params.
func New(list []Config, params models.Params) (*Pipeline, error) {
	if err := Validate(list); err != nil {
		return nil, err
	}
	var chain []Transform
	for _, c := range list {
		_, b, _, err := c.entry()
		if err != nil {
			return nil, err
		}
		t, err := b.Build(params)
		if err != nil {
			return nil, err
		}
		chain = append(chain, t)
	}
	return Chain(params, chain...), nil
}

// CheckTables returns ErrConfig, naming the entry, if a valid list has a kind that takes no
// sparse tensors: one that would have to pass over every row of a table.
func CheckTables(list []Config) error {
	for i, c := range list {
		if c.EWC != nil || c.SI != nil || c.MAS != nil || c.L2 != nil {
			name, _, _, _ := c.entry()
			return configError(fmt.Sprintf("optimizer[%d]", i),
				"is %s, must be absent for a model with tables: it passes over every parameter", name)
		}
	}
	return nil
}

// denseOnly refuses sparse tensors for a kind that would have to pass over all rows of them.
func denseOnly(kind string, params models.Params) error {
	for _, t := range params {
		if t.Sparse {
			return configError(kind, "passes over every parameter, must be absent for a model with a table (%s)", t.Name)
		}
	}
	return nil
}

func configError(field, rule string, args ...any) error {
	return fmt.Errorf("%w: %s %w", ErrConfig, field, fmt.Errorf(rule, args...))
}

func setDefault(v *float64, d float64) {
	if *v == 0 {
		*v = d
	}
}

// The rules below are false for a NaN, too.

func positive(field string, v float64) error {
	if !(v > 0 && v <= math.MaxFloat32) {
		return configError(field, "is %v, must be above 0 and finite", v)
	}
	return nil
}

func notNegative(field string, v float64) error {
	if !(v >= 0 && v <= math.MaxFloat32) {
		return configError(field, "is %v, must be at least 0 and finite", v)
	}
	return nil
}

func fraction(field string, v float64) error {
	if !(v >= 0 && v < 1) {
		return configError(field, "is %v, must be in [0, 1)", v)
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
