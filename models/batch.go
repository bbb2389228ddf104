package models

// A Batch is up to a capacity of rows, row-major. The caller owns and reuses it.
type Batch struct {
	Rows       int
	Dense      []float32 // Rows x Spec.Dense
	Categories []int32   // Rows x len(Spec.Categories)
	// Targets is Rows x Spec.Outputs(): p(1) in [0, 1] (binary), a distribution
	// over the classes (multiclass), the value (regression). Unused by Predict.
	Targets []float32
	Weights []float32 // Rows; zero leaves a row out. Unused by Predict.
}
