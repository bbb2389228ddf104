package arm

import (
	"cmp"
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
func (c Config) withStrategy(task models.Task) Config {
	if c.Strategy != StrategyDefault {
		return c
	}
	switch task {
	case models.Multiclass:
		c.Replay.Kind = cmp.Or(c.Replay.Kind, replay.ClassBalanced)
		c.Loss.Kind = cmp.Or(c.Loss.Kind, LossACEDERPP)
		if c.Loss.Kind == LossACEDERPP {
			c.Loss.Alpha = cmp.Or(c.Loss.Alpha, 1)
			c.Loss.Beta = cmp.Or(c.Loss.Beta, 1)
		}
	case models.Binary:
		c.Replay.Kind = cmp.Or(c.Replay.Kind, replay.ClassBalanced)
		c.Rehearsal.Ratio = cmp.Or(c.Rehearsal.Ratio, 4)
		if c.Loss.Kind == "" && c.Projection.Kind == "" {
			c.Loss.Beta = cmp.Or(c.Loss.Beta, 0.1)
		}
		if len(c.Optimizer) == 0 {
			c.Optimizer = []optim.Config{
				{Clip: &optim.Clip{Norm: 10}},
				{AdamW: &optim.AdamW{LearningRate: 0.004, Beta1: 0.1, Beta2: 0.99}},
			}
		}
	default:
		c.Replay.Kind = cmp.Or(c.Replay.Kind, replay.RecencyMixed)
		c.Rehearsal.Ratio = cmp.Or(c.Rehearsal.Ratio, 4)
	}
	return c
}

func (c Config) validateStrategy() error {
	if c.Strategy != "" && c.Strategy != StrategyDefault {
		return fmt.Errorf("strategy: must be %s or absent, got %q", StrategyDefault, c.Strategy)
	}
	return nil
}
