package replay

import (
	"slices"

	"github.com/perennial-ml/perennial/replay/internal/state"
	"github.com/perennial-ml/perennial/replay/internal/store"
)

// groups is what the kinds that tell classes or segments apart have in common.
type groups struct {
	cfg Config
	store.Groups
}

func newGroups(cfg Config, keyOf func(*Example) store.Key) groups {
	return groups{cfg: cfg, Groups: store.NewGroups(newStore(cfg, cfg.page()), keyOf)}
}

// newStore returns an empty store with so many slots to a page.
func newStore(cfg Config, page int) store.Store {
	return store.New(cfg.limits(), page, cfg.Store == Uint8)
}

// Snapshot implements Memory.
func (g *groups) Snapshot() State {
	s := state.State{Form: g.cfg.Kind.form(), Items: g.Freeze(), Seats: g.Seats.Freeze(), List: slices.Clone(g.List)}
	for i := range s.List {
		gr := &s.List[i]
		gr.Members.Forget()
		gr.Mean = slices.Clone(gr.Mean)
	}
	return State{s}
}

// Restore implements Memory. The error is ErrState.
func (g *groups) Restore(s State) error {
	fresh, err := g.restored(s)
	if err == nil {
		*g = fresh
	}
	return err
}

// restored returns groups of the same configuration with another state.
func (g *groups) restored(s State) (groups, error) {
	if err := s.fits(g.cfg); err != nil {
		return groups{}, err
	}
	if g.cfg.Kind == Reservoir && s.Len() > 0 && len(s.held.List) == 0 {
		return groups{}, stateError("it tells no groups apart, configured is a reservoir with balanced retrieval")
	}
	fresh, err := g.Load(&s.held.Items, &s.held.Seats, s.held.Groups())
	if err != nil {
		return groups{}, stateError("%v", err)
	}
	return groups{cfg: g.cfg, Groups: fresh}, nil
}
