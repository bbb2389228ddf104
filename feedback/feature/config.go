package feature

import (
	"fmt"
	"math"
)

// Kind is the shape of a feature's values.
type Kind string

// The kinds of feature.
const (
	Numeric     Kind = "numeric"     // a number: one dense column
	Categorical Kind = "categorical" // a string or an integer, hashed: one category; with Max, an array of them
	Vector      Kind = "vector"      // an array of Dim numbers: Dim dense columns
)

// Policy says what happens to an example in which something is not as the
// dictionary has it.
type Policy string

// The policies. Ignore is for unknown features, Default for missing and invalid ones and
// for values beyond the bound, Clip for these alone.
const (
	Refuse  Policy = "refuse"
	Ignore  Policy = "ignore"
	Default Policy = "default"
	Clip    Policy = "clip"
)

// DefaultBound is the bound of a feature that declares none. A value that is larger once
// standardised is hardly meant, and one alone would decide a step.
const DefaultBound = 1e6

// PersonalData is a feature's class of personal data.
type PersonalData string

// The classes of personal data, from harmless to most protected.
const (
	NotPersonal  PersonalData = "none"
	Pseudonymous PersonalData = "pseudonymous"
	Personal     PersonalData = "personal"
	Sensitive    PersonalData = "sensitive"
)

// Pool says how the values of one feature become one.
type Pool string

// The pools.
const (
	Mean Pool = "mean"
	Sum  Pool = "sum"
)

// Bounds of a dictionary.
const (
	MaxValues     = 4096    // of one categorical feature
	MaxCategories = 1 << 16 // of all categorical features together
	MaxFeatures   = 4096
	MaxDim        = 1 << 16
	MaxDense      = 1 << 20 // columns of all numeric and vector features together
	MaxBuckets    = 1 << 24
)

// A Feature is one entry of the dictionary.
type Feature struct {
	// Name is the feature's key in the JSON: 1 to 128 printable ASCII characters,
	// no space.
	Name string `yaml:"name" json:"name"`
	Kind Kind   `yaml:"kind" json:"kind"`
	// Dim is the number of elements of a vector.
	Dim int `yaml:"dim,omitempty" json:"dim,omitempty"`
	// Buckets is the number of hash buckets of a categorical feature.
	Buckets int `yaml:"buckets,omitempty" json:"buckets,omitempty"`
	// Max is the number of values that a categorical feature may have, which is then an
	// array. Absent: it has one value, and is no array.
	Max int `yaml:"max,omitempty" json:"max,omitempty"`
	// Pool says how a model reads the values of an array: as their mean (the default), or
	// their sum.
	Pool Pool `yaml:"pool,omitempty" json:"pool,omitempty"`

	Meaning      string       `yaml:"meaning,omitempty" json:"meaning,omitempty"`
	Owner        string       `yaml:"owner,omitempty" json:"owner,omitempty"`
	Since        string       `yaml:"since,omitempty" json:"since,omitempty"`                 // the version of the configuration that brought it
	PersonalData PersonalData `yaml:"personal_data,omitempty" json:"personal_data,omitempty"` // default none

	// Missing is the policy for an absent key or a null: refuse (the default), or
	// default.
	Missing Policy `yaml:"missing,omitempty" json:"missing,omitempty"`
	// Invalid is the policy for a value that is not finite, of another kind, a vector of
	// another length, or an array of more than Max values: refuse (the default), or default.
	Invalid Policy `yaml:"invalid,omitempty" json:"invalid,omitempty"`
	// Default stands in, by those policies, for a number and for every element of
	// a vector; it is standardised as if it had been sent.
	Default float64 `yaml:"default,omitempty" json:"default,omitempty"`
	// DefaultCategory stands in for a categorical value. Where it is absent an array is
	// empty.
	DefaultCategory string `yaml:"default_category,omitempty" json:"default_category,omitempty"`

	// Mean and Scale standardise numbers and vector elements: (x - Mean) / Scale.
	// They are part of the configuration and never estimated from the stream. A
	// Scale of 0 means 1.
	Mean  float64 `yaml:"mean,omitempty" json:"mean,omitempty"`
	Scale float64 `yaml:"scale,omitempty" json:"scale,omitempty"`
	// Bound is the largest absolute value that a number, or a vector element, may have
	// once it is standardised: DefaultBound unless declared.
	Bound float64 `yaml:"bound,omitempty" json:"bound,omitempty"`
	// Beyond is the policy for a value beyond the bound: refuse (the default), clip it to
	// the bound, or default.
	Beyond Policy `yaml:"beyond,omitempty" json:"beyond,omitempty"`
}

// Config declares a dictionary. The order of the features is the order of the
// columns.
type Config struct {
	Features []Feature `yaml:"features" json:"features"`
	// Unknown is the policy for keys that the dictionary does not have: refuse (the
	// default), or ignore.
	Unknown Policy `yaml:"unknown,omitempty" json:"unknown,omitempty"`
}

// WithDefaults returns the configuration with every unset field that has a default
// filled in. It shares nothing with c.
func (c Config) WithDefaults() Config {
	c.Features = append([]Feature(nil), c.Features...)
	for i := range c.Features {
		f := &c.Features[i]
		orElse(&f.PersonalData, NotPersonal)
		orElse(&f.Missing, Refuse)
		orElse(&f.Invalid, Refuse)
		orElse(&f.Scale, 1)
		if f.Kind != Categorical {
			orElse(&f.Bound, DefaultBound)
			orElse(&f.Beyond, Refuse)
		}
		if f.Max != 0 {
			orElse(&f.Pool, Mean)
		}
	}
	orElse(&c.Unknown, Refuse)
	return c
}

func orElse[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Validate returns an error that names the first field that breaks a rule, and the
// rule. It expects the defaults to be filled in.
func (c Config) Validate() error {
	if n := len(c.Features); n == 0 || n > MaxFeatures {
		return fmt.Errorf("features: must list 1 to %d features, got %d", MaxFeatures, n)
	}
	if c.Unknown != Refuse && c.Unknown != Ignore {
		return fmt.Errorf("unknown: must be refuse or ignore, got %q", c.Unknown)
	}
	names := make(map[string]int, len(c.Features))
	dense, categories := 0, 0
	for i, f := range c.Features {
		at := fmt.Sprintf("features[%d]", i)
		if err := f.validate(); err != nil {
			return fmt.Errorf("%s.%w", at, err)
		}
		if j, twice := names[f.Name]; twice {
			return fmt.Errorf("%s.name: must be unique, %q is also features[%d]", at, f.Name, j)
		}
		names[f.Name] = i
		if dense += f.columns(); dense > MaxDense {
			return fmt.Errorf("%s.dim: all dense columns together must be at most %d", at, MaxDense)
		}
		if categories += f.categories(); categories > MaxCategories {
			return fmt.Errorf("%s.max: the values of all categorical features together must be at most %d", at, MaxCategories)
		}
	}
	return nil
}

func (f Feature) validate() error {
	if !printable(f.Name, 128) {
		return fmt.Errorf("name: must be 1 to 128 printable ASCII characters without spaces, got %q", f.Name)
	}
	switch f.Kind {
	case Numeric, Categorical, Vector:
	default:
		return fmt.Errorf("kind: must be numeric, categorical or vector, got %q", f.Kind)
	}
	if f.Kind == Vector && (f.Dim < 1 || f.Dim > MaxDim) {
		return fmt.Errorf("dim: must be 1 to %d for a vector, got %d", MaxDim, f.Dim)
	}
	if f.Kind != Vector && f.Dim != 0 {
		return fmt.Errorf("dim: must be absent unless the kind is vector, got %d", f.Dim)
	}
	if f.Kind == Categorical && (f.Buckets < 2 || f.Buckets > MaxBuckets) {
		return fmt.Errorf("buckets: must be 2 to %d for a categorical feature, got %d", MaxBuckets, f.Buckets)
	}
	if f.Kind != Categorical && f.Buckets != 0 {
		return fmt.Errorf("buckets: must be absent unless the kind is categorical, got %d", f.Buckets)
	}
	if f.Kind != Categorical && (f.Max != 0 || f.Pool != "") {
		return fmt.Errorf("max: must be absent, with pool, unless the kind is categorical")
	}
	if f.Max < 0 || f.Max > MaxValues {
		return fmt.Errorf("max: must be 1 to %d, got %d", MaxValues, f.Max)
	}
	if f.Max == 0 && f.Pool != "" {
		return fmt.Errorf("pool: must be absent without max, got %q", f.Pool)
	}
	if f.Max > 0 && f.Pool != Mean && f.Pool != Sum {
		return fmt.Errorf("pool: must be mean or sum, got %q", f.Pool)
	}
	switch f.PersonalData {
	case NotPersonal, Pseudonymous, Personal, Sensitive:
	default:
		return fmt.Errorf("personal_data: must be none, pseudonymous, personal or sensitive, got %q", f.PersonalData)
	}
	if f.Missing != Refuse && f.Missing != Default {
		return fmt.Errorf("missing: must be refuse or default, got %q", f.Missing)
	}
	if f.Invalid != Refuse && f.Invalid != Default {
		return fmt.Errorf("invalid: must be refuse or default, got %q", f.Invalid)
	}
	return f.validateNumbers()
}

func (f Feature) validateNumbers() error {
	if f.Kind == Categorical {
		if f.Default != 0 || f.Mean != 0 || f.Scale != 1 || f.Bound != 0 || f.Beyond != "" {
			return fmt.Errorf("kind: default, mean, scale, bound and beyond are for numbers; a categorical feature has default_category")
		}
		return nil
	}
	if f.DefaultCategory != "" {
		return fmt.Errorf("default_category: must be absent unless the kind is categorical")
	}
	if math.IsNaN(f.Mean) || math.IsInf(f.Mean, 0) {
		return fmt.Errorf("mean: must be finite")
	}
	if !(f.Scale > 0) || math.IsInf(f.Scale, 0) {
		return fmt.Errorf("scale: must be finite and above 0, got %v", f.Scale)
	}
	if !(f.Bound > 0) || f.Bound > math.MaxFloat32 {
		return fmt.Errorf("bound: must be above 0, and finite as a float32, got %v", f.Bound)
	}
	if f.Beyond != Refuse && f.Beyond != Clip && f.Beyond != Default {
		return fmt.Errorf("beyond: must be refuse, clip or default, got %q", f.Beyond)
	}
	v, ok := f.standardise(f.Default)
	if !ok {
		return fmt.Errorf("default: must be finite, also once standardised and held as a float32, got %v", f.Default)
	}
	if f.beyond(v) {
		return fmt.Errorf("default: must be within the bound, %g, once standardised, got %v", f.Bound, f.Default)
	}
	return nil
}

// columns returns how many dense columns the feature takes.
func (f Feature) columns() int {
	switch f.Kind {
	case Numeric:
		return 1
	case Vector:
		return f.Dim
	}
	return 0
}

// categories returns how many categories the feature takes.
func (f Feature) categories() int {
	if f.Kind != Categorical {
		return 0
	}
	return max(f.Max, 1)
}

// standardise returns the dense value of x, and whether it is finite.
func (f Feature) standardise(x float64) (float32, bool) {
	v := float32((x - f.Mean) / f.Scale)
	return v, v-v == 0
}

// beyond reports whether a standardised value is beyond the bound.
func (f Feature) beyond(v float32) bool { return math.Abs(float64(v)) > f.Bound }

func printable(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
