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
		models.Spec{Kind: "deepfm", Task: models.Binary, Categories: []int{5, 4, 7}, Embedding: 4, Hidden: []int{6, 5}},
		models.Spec{Kind: "deepfm", Task: models.Binary, Dense: 2, Categories: []int{9, 9}, Table: 9, Embedding: 3, Hidden: []int{5}, Activation: "tanh"},
		models.Spec{Kind: "deepfm", Task: models.Regression, Dense: 1, Categories: []int{4, 3}, Embedding: 1, Hidden: []int{5}},
		models.Spec{Kind: "wide_and_deep", Task: models.Binary, Dense: 2, Categories: []int{5, 4}, Embedding: 3, Hidden: []int{6}},
		models.Spec{Kind: "wide_and_deep", Task: models.Multiclass, Classes: 3, Dense: 1, Categories: []int{8, 5, 8}, Table: 8, Embedding: 4, Hidden: []int{6}},
		models.Spec{Kind: "deepfm", Task: models.Binary, Dense: 1, Categories: []int{6, 5}, Embedding: 4, Hidden: []int{8, 5}, Activation: "gelu", Norm: "layer"},
		models.Spec{Kind: "wide_and_deep", Task: models.Binary, Categories: []int{6, 5}, Embedding: 4, Hidden: []int{9}, Activation: "tanh", Dropout: 0.25},
		models.Spec{Kind: "wide_and_deep", Task: models.Regression, Categories: []int{6}, Embedding: 16, Hidden: []int{4}},
		models.Spec{Kind: "sparse_linear", Task: models.Binary, Categories: []int{6, 6, 6}, Table: 6},
		models.Spec{Kind: "sparse_linear", Task: models.Multiclass, Classes: 4, Dense: 3, Categories: []int{3, 2}},
		models.Spec{Kind: "sparse_linear", Task: models.Regression, Dense: 2, Categories: []int{4, 3}},
		models.Spec{Kind: "sparse_linear", Task: models.Binary, Categories: []int{6, 5, 5, 5}, Bags: []models.Bag{{First: 1, Size: 3}}},
		models.Spec{Kind: "sparse_linear", Task: models.Multiclass, Classes: 3, Dense: 1, Categories: []int{5, 5, 4}, Bags: []models.Bag{{Size: 2, Mean: true}}},
		models.Spec{Kind: "deepfm", Task: models.Binary, Dense: 2, Categories: []int{5, 7, 7, 7, 4}, Bags: []models.Bag{{First: 1, Size: 3, Mean: true}}, Embedding: 4, Hidden: []int{6, 5}},
		models.Spec{Kind: "deepfm", Task: models.Regression, Categories: []int{6, 6, 6, 6, 6}, Table: 6, Bags: []models.Bag{{Size: 2}, {First: 2, Size: 3, Mean: true}}, Embedding: 3, Hidden: []int{5}},
		models.Spec{Kind: "wide_and_deep", Task: models.Multiclass, Classes: 3, Dense: 1, Categories: []int{8, 8, 5}, Bags: []models.Bag{{Size: 2}, {First: 2, Size: 1}}, Embedding: 4, Hidden: []int{6}},
		models.Spec{Kind: "mlp", Task: models.Binary, Dense: 4, Hidden: []int{6, 5}, Activation: "gelu"},
		models.Spec{Kind: "mlp", Task: models.Regression, Dense: 4, Hidden: []int{6}, Activation: "sigmoid"},
		models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 3, Dense: 4, Hidden: []int{9, 6}, Norm: "layer"},
		models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 4, Dense: 3, Hidden: []int{7}, ClassNorm: 2},
		models.Spec{Kind: "mlp", Task: models.Binary, Dense: 4, Hidden: []int{12, 9}, Activation: "tanh", Dropout: 0.25},
		models.Spec{Kind: "deepfm", Task: models.Binary, Dense: 2, Categories: []int{5, 4}, Embedding: 3, Hidden: []int{12}, Norm: "layer", Dropout: 0.5},
		models.Spec{Kind: "linear", Task: models.Multiclass, Classes: 3, Dense: 4, Init: models.Zero},
		models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 3, Dense: 4, Hidden: []int{7, 5}, Init: models.UniformFanIn},
		models.Spec{Kind: "linear", Task: models.Regression, Dense: 3, Splines: 5},
		models.Spec{Kind: "mlp", Task: models.Binary, Dense: 3, Categories: []int{3}, Hidden: []int{7, 5}, Activation: "gelu", Splines: 9},
		models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 3, Dense: 2, Hidden: []int{12}, Norm: "layer", Dropout: 0.25, Splines: 3},
		models.Spec{Kind: "deepfm", Task: models.Binary, Dense: 2, Categories: []int{5, 4}, Embedding: 3, Hidden: []int{6}, Splines: 4},
		models.Spec{Kind: "wide_and_deep", Task: models.Multiclass, Classes: 3, Dense: 1, Categories: []int{5, 5, 4}, Bags: []models.Bag{{Size: 2, Mean: true}}, Embedding: 3, Hidden: []int{6}, Splines: 7},
		models.Spec{Kind: "sparse_linear", Task: models.Binary, Dense: 2, Categories: []int{6, 6}, Table: 6, Splines: 5},
		// wide enough for gonum to multiply on several threads
		models.Spec{Kind: "mlp", Task: models.Regression, Dense: 2, Hidden: []int{260}},
	)
}

func TestConformanceOfConvolutions(t *testing.T) {
	image := func(height, width, channels int) (*models.Image, int) {
		return &models.Image{Height: height, Width: width, Channels: channels}, height * width * channels
	}
	gray, pixels := image(6, 5, 1)
	colour, colours := image(5, 6, 3)
	modelstest.Run(t, models.Default,
		models.Spec{Kind: "cnn", Task: models.Multiclass, Classes: 3, Dense: pixels, Image: gray,
			Conv: []models.Conv{{Filters: 4}, {Filters: 5, Pool: "none"}}},
		models.Spec{Kind: "cnn", Task: models.Binary, Dense: colours, Image: colour, Hidden: []int{7}, Activation: "gelu",
			Conv: []models.Conv{{Filters: 3, Size: 2, Padding: "none", Stride: 1}}},
		models.Spec{Kind: "cnn", Task: models.Binary, Dense: pixels + 2, Categories: []int{3}, Image: gray, Hidden: []int{6},
			Conv: []models.Conv{{Filters: 3}}}, // with features beside the image
		models.Spec{Kind: "cnn", Task: models.Regression, Dense: colours, Image: colour, Activation: "tanh",
			Conv: []models.Conv{{Filters: 4, Stride: 2, Pool: "mean"}}},
		models.Spec{Kind: "cnn", Task: models.Regression, Dense: colours, Image: colour, Activation: "sigmoid",
			Conv: []models.Conv{{Filters: 6, Size: 5, PoolSize: 3}}},
		models.Spec{Kind: "cnn", Task: models.Multiclass, Classes: 3, Dense: pixels, Image: gray, Hidden: []int{8}, Norm: "layer", Dropout: 0.2,
			Conv: []models.Conv{{Filters: 4}, {Filters: 5, Pool: "mean"}}},
	)
}
