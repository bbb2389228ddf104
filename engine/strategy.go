package engine

import (
	"fmt"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// StrategyDefault names the settings for those who do not want to choose. For multiclass,
// whose classes may come one after the other, they are a class-balanced memory and DER++
// with the masks of ER-ACE. The outcomes of the other tasks are all there from the start
// and drift, and stored logits would hold on to old answers: they rehearse more instead.
const StrategyDefault = "default"

// withStrategy fills in what the arm leaves open from its strategy. The factors of
// multiclass are those that the papers of DER++ and ER-ACE found to hold on most of their
// streams; docs/strategies.md says how the others were chosen.
func (a Arm) withStrategy(task models.Task) Arm {
	if a.Strategy != StrategyDefault {
		return a
	}
	switch task {
	case models.Multiclass:
		setDefault(&a.Replay.Kind, replay.ClassBalanced)
		setDefault(&a.Loss.Kind, LossACEDERPP)
		if a.Loss.Kind == LossACEDERPP {
			setDefault(&a.Loss.Alpha, 0.5)
			setDefault(&a.Loss.Beta, 1)
		}
	case models.Binary:
		setDefault(&a.Replay.Kind, replay.ClassBalanced)
		setDefault(&a.Rehearsal.Ratio, 4)
	default:
		setDefault(&a.Replay.Kind, replay.RecencyMixed)
		setDefault(&a.Rehearsal.Ratio, 4)
	}
	return a
}

func (a Arm) validateStrategy() error {
	if a.Strategy != "" && a.Strategy != StrategyDefault {
		return fmt.Errorf("strategy: must be %s or absent, got %q", StrategyDefault, a.Strategy)
	}
	return nil
}
