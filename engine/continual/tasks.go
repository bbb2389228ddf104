package continual

import "math"

// Tasks are the tasks seen so far, T of them, in the order in which they were learned; the
// last is being learned, or was learned last.
type Tasks []Task

// AverageAccuracy is ACC = 1/T Σ_j R_Tj (Lopez-Paz and Ranzato, "Gradient episodic memory
// for continual learning", 2017).
func (t Tasks) AverageAccuracy() float64 {
	return t.mean(func(t Task) float64 { return t.Current })
}

// LearningAccuracy is 1/T Σ_j R_jj, how well each task was learned when it came, over those
// that ended (Riemer et al., "Learning to learn without forgetting", 2019).
func (t Tasks) LearningAccuracy() float64 {
	if n := len(t); n > 0 && math.IsNaN(t[n-1].Learned) {
		t = t.earlier()
	}
	return t.mean(func(t Task) float64 { return t.Learned })
}

// BackwardTransfer is BWT = 1/(T-1) Σ_{j<T} (R_Tj - R_jj) (Lopez-Paz and Ranzato 2017).
func (t Tasks) BackwardTransfer() float64 {
	return t.earlier().mean(func(t Task) float64 { return t.Current - t.Learned })
}

// ForwardTransfer is FWT = 1/(T-1) Σ_{j>1} (R_{j-1,j} - b_j), b being the accuracy of the
// first weights (Lopez-Paz and Ranzato 2017), over the tasks that were measured before they
// were learned.
func (t Tasks) ForwardTransfer() float64 {
	var m Mean
	for _, task := range t {
		if v := task.Before - task.First; !math.IsNaN(v) {
			m.Add(v, 1)
		}
	}
	return m.Value()
}

// Forgetting is F = 1/(T-1) Σ_{j<T} (max_{j<=l<T} R_lj - R_Tj) (Chaudhry et al., "Riemannian
// walk for incremental learning", 2018).
func (t Tasks) Forgetting() float64 {
	return t.earlier().mean(func(t Task) float64 { return t.Best - t.Current })
}

// Retention is the mean of R_Tj / R_jj over j < T, the share of what was learned that is
// kept, without tasks of which nothing was learned.
func (t Tasks) Retention() float64 {
	var m Mean
	for _, task := range t.earlier() {
		if task.Learned != 0 {
			m.Add(task.Current/task.Learned, 1)
		}
	}
	return m.Value()
}

// MinimumAccuracy is min-ACC = 1/(T-1) Σ_{j<T} min A_j, the least accuracy on each task but
// the last at any look after it was learned (De Lange, van de Ven and Tuytelaars,
// "Continual evaluation for lifelong learning: identifying the stability gap", 2023).
func (t Tasks) MinimumAccuracy() float64 {
	return t.earlier().mean(func(t Task) float64 { return t.Worst })
}

// WorstCaseAccuracy is WC-ACC = 1/T A_T + (1 - 1/T) min-ACC, A_T being the last look at the
// last task (De Lange et al. 2023).
func (t Tasks) WorstCaseAccuracy() float64 {
	switch n := float64(len(t)); n {
	case 0:
		return math.NaN()
	case 1:
		return t[0].Current
	default:
		return t[len(t)-1].Current/n + float64((1-1/n)*t.MinimumAccuracy())
	}
}

// earlier are the tasks before the last.
func (t Tasks) earlier() Tasks { return t[:max(len(t)-1, 0)] }

// mean is NaN without tasks, or if f is of one.
func (t Tasks) mean(f func(Task) float64) float64 {
	var m Mean
	for _, task := range t {
		m.Add(f(task), 1)
	}
	return m.Value()
}
