package engine

import (
	"fmt"

	"github.com/perennial-ml/perennial/replay"
)

// StrategyDefault names the settings for those who do not want to choose: a class-balanced
// memory, and DER++ with the masks of ER-ACE.
const StrategyDefault = "default"

// withStrategy fills in what the arm leaves open from its strategy. The settings are fixed,
// those that the papers of DER++ and ER-ACE found to hold on most of their streams, and none
// is tuned to a benchmark.
func (a Arm) withStrategy() Arm {
	if a.Strategy != StrategyDefault {
		return a
	}
	setDefault(&a.Replay.Kind, replay.ClassBalanced)
	setDefault(&a.Loss.Kind, LossACEDERPP)
	if a.Loss.Kind == LossACEDERPP {
		setDefault(&a.Loss.Alpha, 0.5)
		setDefault(&a.Loss.Beta, 1)
	}
	return a
}

func (a Arm) validateStrategy() error {
	if a.Strategy != "" && a.Strategy != StrategyDefault {
		return fmt.Errorf("strategy: must be %s or absent, got %q", StrategyDefault, a.Strategy)
	}
	return nil
}
