package models_test

import (
	"testing"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/modelstest"
)

func TestConformance(t *testing.T) {
	modelstest.Run(t, models.Default,
		models.Spec{Kind: "linear", Task: models.Binary, Dense: 5},
		models.Spec{Kind: "linear", Task: models.Multiclass, Classes: 4, Dense: 3, Categories: []int{3, 2}},
		models.Spec{Kind: "linear", Task: models.Regression, Categories: []int{4, 3}},
		models.Spec{Kind: "mlp", Task: models.Binary, Dense: 4, Hidden: []int{7, 5}, Activation: "tanh"},
		models.Spec{Kind: "mlp", Task: models.Binary, Dense: 6, Categories: []int{5}, Hidden: []int{9}},
		models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 3, Dense: 4, Hidden: []int{6, 1, 4}, Activation: "tanh"},
		models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 3, Dense: 4, Hidden: []int{70}},
		models.Spec{Kind: "mlp", Task: models.Regression, Dense: 3, Hidden: []int{8}},
		// wide enough for gonum to multiply on several threads
		models.Spec{Kind: "mlp", Task: models.Regression, Dense: 2, Hidden: []int{260}},
	)
}
