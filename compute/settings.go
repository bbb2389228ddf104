package compute

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// Auto stands for the best family of kernels that this machine has.
const Auto = "auto"

// Settings say by which kernels something computes, and on how many threads. No bit
// depends on them: what one family began another may go on with.
type Settings struct {
	// Kernels is auto (the default), avx512, avx2 or portable. Approx is none of them: it
	// rounds otherwise, and what it computed would depend on the machine.
	Kernels string `yaml:"kernels" json:"kernels"`
	// Threads is how many goroutines share a node that is worth it. 1 by default.
	Threads int `yaml:"threads" json:"threads"`

	team *Team // what uses these Settings shares it; if nil, each use has its own
}

// MaxThreads bounds Settings.Threads.
const MaxThreads = 64

// WithDefaults returns s with every unset field at its default.
func (s Settings) WithDefaults() Settings {
	if s.Kernels == "" {
		s.Kernels = Auto
	}
	if s.Threads == 0 {
		s.Threads = 1
	}
	return s
}

// Shared returns s with a Team for all that uses it, which then runs in turn, in one
// goroutine: the threads that one of them has at hand are there for the next, and not in
// each other's way.
func (s Settings) Shared() Settings {
	s.team = NewTeam(s.WithDefaults().Threads)
	return s
}

// Team returns the Team of Settings that are Shared, otherwise a new one.
func (s Settings) Team() *Team {
	if s.team == nil {
		return s.Shared().team
	}
	return s.team
}

// Validate checks Settings that have their defaults, on any machine: whether this one has
// the family is for Arithmetic to say.
func (s Settings) Validate() error {
	switch {
	case s.Kernels == kernel.Approx:
		return fmt.Errorf("kernels: must be auto, avx512, avx2 or portable: %s rounds otherwise, and states would depend on the machine", s.Kernels)
	case !slices.Contains([]string{Auto, kernel.AVX512, kernel.AVX2, kernel.Portable}, s.Kernels):
		return fmt.Errorf("kernels: must be auto, avx512, avx2 or portable, got %q", s.Kernels)
	case s.Threads < 1 || s.Threads > MaxThreads:
		return fmt.Errorf("threads: must be from 1 to %d, got %d", MaxThreads, s.Threads)
	}
	return nil
}

// Arithmetic returns the kernels that the settings mean on this machine. It returns an
// error that lists the families there are if the one named is not among them.
func (s Settings) Arithmetic() (Arithmetic, error) {
	s = s.WithDefaults()
	if err := s.Validate(); err != nil {
		return Arithmetic{}, fmt.Errorf("compute.%w", err)
	}
	if s.Kernels == Auto {
		return Best(), nil
	}
	a, err := Named(s.Kernels)
	if err != nil {
		return Arithmetic{}, fmt.Errorf("compute.kernels: this machine has no %s, it has %s", s.Kernels, strings.Join(Families(), ", "))
	}
	return a, nil
}

// Families lists the families of equal bits that this machine has, the best first.
func Families() []string {
	return slices.DeleteFunc(kernel.Names(), func(name string) bool { return name == kernel.Approx })
}
