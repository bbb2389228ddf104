package models

// fewIDs is so many ids that kernels leave it to the processor to look ahead over them.
const fewIDs = 64

// PrefetchWith says what a step works on beside the parameters: tensors in their order, such as
// an optimizer's moments, whose rows may be of another width. Differentiate then prefetches, as
// soon as it knows the ids of a few categories, their rows of the tables and of those tensors, but
// for single values without state, for which the processor itself looks ahead. That changes no
// value.
func (m *Model) PrefetchWith(state ...Params) {
	m.near = nil
	for i, t := range m.params {
		if !t.Sparse || len(state) == 0 && t.Width() == 1 {
			continue
		}
		m.near = append(m.near, t) // what is read first
		for _, s := range state {
			if s[i].Data != nil {
				m.near = append(m.near, s[i])
			}
		}
	}
}

func (m *Model) prefetch(ids []int32) {
	if len(ids) > fewIDs {
		return
	}
	for i := range m.near {
		m.kernels.Prefetch(m.near[i].Data, ids, m.near[i].Width())
	}
}
