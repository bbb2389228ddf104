package models

// fewIDs is so many ids that kernels leave it to the processor to look ahead over them.
const fewIDs = 64

// Accompany says what a step works on beside the parameters: tensors in their order, such as an
// optimizer's moments. Differentiate then asks, as soon as it knows the ids of a few categories,
// for the rows of all tables to be brought near, but for single values without state, for which
// the processor itself looks ahead. That changes no value.
func (m *Model) Accompany(state ...Params) {
	m.company = nil
	for i, t := range m.params {
		if !t.Sparse || len(state) == 0 && t.Width() == 1 {
			continue
		}
		m.company = append(m.company, t) // what is read first
		for _, s := range state {
			m.company = append(m.company, s[i])
		}
	}
}

func (m *Model) request(ids []int32) {
	if len(ids) > fewIDs {
		return
	}
	for i := range m.company {
		m.kernels.Request(m.company[i].Data, ids, m.company[i].Width())
	}
}
