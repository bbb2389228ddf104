package anchor

import (
	"github.com/perennial-ml/perennial/engine/continual"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// A Learner is examined on examples that it never learned.
type Learner interface {
	// Accuracy is the share of the examples whose class the learner gives. The list is
	// the caller's.
	Accuracy(list []*replay.Example) (float64, error)
	// AccuracyOf is what Accuracy is with weights that the learner had.
	AccuracyOf(weights *models.Frozen, list []*replay.Example) (float64, error)
	// Freeze returns a copy of its weights.
	Freeze() *models.Frozen
}

// Measure looks at the phases if it is time to.
func (s *Set) Measure(l Learner) error {
	if s == nil {
		return nil
	}
	every := s.cfg.Every
	if s.burst > 0 {
		every = min(every, s.cfg.Burst.Every)
	}
	if s.since < every {
		return nil
	}
	s.burst = max(s.burst-1, 0)
	if err := s.look(l); err != nil {
		return err
	}
	s.account()
	return nil
}

// look scores the learner on every phase that ended and on the one in progress.
func (s *Set) look(l Learner) error {
	for i := range s.closed {
		p := &s.closed[i]
		if p.examples.Len() == 0 {
			continue // withdrawn, all of them
		}
		score, err := l.Accuracy(s.examples(p.examples))
		if err != nil {
			return err
		}
		p.task.Look(score)
	}
	if s.open.examples.Len() == 0 {
		return nil
	}
	score, err := l.Accuracy(s.examples(s.open.examples))
	s.open.task.Learn(score)
	return err
}

// examples lists a memory; valid until the next call.
func (s *Set) examples(m replay.Memory) []*replay.Example {
	s.list = s.list[:0]
	m.Remove(func(ex *replay.Example) bool {
		s.list = append(s.list, ex)
		return false
	})
	return s.list
}

// account closes a look.
func (s *Set) account() {
	if tasks := s.tasks(); len(tasks) > 0 {
		s.anytime.Add(tasks.AverageAccuracy(), float64(s.since))
		s.looks++
	}
	s.since = 0
}

// Close ends a phase at a position with a look. One of which nothing was set aside goes on.
func (s *Set) Close(position uint64, l Learner) error {
	if s == nil {
		return nil
	}
	s.Disturbed()
	if s.open.examples.Len() == 0 {
		return nil
	}
	if err := s.look(l); err != nil {
		return err
	}
	s.account()
	p := s.open
	p.ended = position
	p.task.End(p.task.Current)
	list := s.examples(p.examples)
	var err error
	if p.task.First, err = l.AccuracyOf(s.first, list); err != nil {
		return err
	}
	if s.before != nil {
		if p.task.Before, err = l.AccuracyOf(s.before, list); err != nil {
			return err
		}
	}
	s.before = l.Freeze()
	s.closed = append(s.closed, p)
	if extra := len(s.closed) - s.cfg.Phases; extra > 0 {
		s.closed = append(s.closed[:0:0], s.closed[extra:]...)
	}
	s.open, err = s.newPhase()
	return err
}

// tasks are the phases that were looked at and still hold examples.
func (s *Set) tasks() continual.Tasks {
	var list continual.Tasks
	for _, p := range s.closed {
		if p.examples.Len() > 0 {
			list = append(list, p.task)
		}
	}
	if s.open.examples.Len() > 0 && measured(s.open.task.Current) != nil {
		list = append(list, s.open.task)
	}
	return list
}
