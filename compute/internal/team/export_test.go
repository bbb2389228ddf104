package team

// Pretend lets a Team believe in so many processors.
func (t *Team) Pretend(processors int) { t.processors = processors }
