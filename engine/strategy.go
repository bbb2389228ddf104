package engine

import (
	"fmt"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

// StrategyDefault names the settings for those who do not want to choose. For multiclass,
// whose classes may come one after the other, they are a class-balanced memory and DER++
// with the masks of ER-ACE. The outcomes of the other tasks are all there from the start
// and drift, and stored logits would hold on to old answers: they rehearse more examples,
// and binary gives them less weight and follows what is new by steps without momentum.
const StrategyDefault = "default"

// withStrategy fills in what the arm leaves open from its strategy. docs/strategies.md says
// how the settings were chosen.
func (a Arm) withStrategy(task models.Task) Arm {
	if a.Strategy != StrategyDefault {
		return a
	}
	switch task {
	case models.Multiclass:
		setDefault(&a.Replay.Kind, replay.ClassBalanced)
		setDefault(&a.Loss.Kind, LossACEDERPP)
		if a.Loss.Kind == LossACEDERPP {
			setDefault(&a.Loss.Alpha, 1)
			setDefault(&a.Loss.Beta, 1)
		}
	case models.Binary:
		setDefault(&a.Replay.Kind, replay.ClassBalanced)
		setDefault(&a.Rehearsal.Ratio, 4)
		if a.Loss.Kind == "" && a.Projection.Kind == "" {
			setDefault(&a.Loss.Beta, 0.1)
		}
		if len(a.Optimizer) == 0 {
			a.Optimizer = []optim.Config{
				{Clip: &optim.Clip{Norm: 10}},
				{AdamW: &optim.AdamW{LearningRate: 0.004, Beta1: 0.1, Beta2: 0.99}},
			}
		}
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
