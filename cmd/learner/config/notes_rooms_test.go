package config

import "github.com/perennial-ml/perennial/replay"

// roomNotes is about the log, the optimizers, the memories and the guard.
func roomNotes() map[string]note {
	return map[string]note{
		"ledger.Config.dir":              {text: "The folder of the embedded server; absent: log, in the folder data.", optional: true},
		"ledger.Config.url":              {text: "The external NATS, several URLs separated by commas; absent: embedded."},
		"ledger.Config.tls":              {text: "The PEM files by which an external server and this process know each other."},
		"ledger.Config.replicas":         {text: "How many copies a stream that is created here has, and those of the versions that are published: 1 embedded (the default), 3 by default outside.", unit: "copies", min: 1, max: 5, optional: true},
		"ledger.Config.max_bytes":        {unit: "bytes", min: 0, text: "The bound on a stream on disk. A full log refuses appends and never drops old records; 0 leaves the bound to the disk."},
		"ledger.Config.free_bytes":       {unit: "bytes", min: 1, text: "How much of the embedded log's disk stays free: with less, appends are refused as by a full log, until there is room again. The broker itself would not write again after it met a full disk."},
		"ledger.Config.duplicate_window": {unit: "duration", text: "How long the broker remembers event ids, for retries; beyond it the learner's state knows them. It costs the broker some 150 bytes of memory for each event in the window."},
		"ledger.Config.append_timeout":   {unit: "duration", text: "How long an append waits for the log at most."},
		"ledger.Config.queue_bytes":      {unit: "bytes", min: 64 << 10, text: "The memory that may wait for commit, for each log."},
		"ledger.Config.max_batch":        {unit: "events", min: 1, max: 1000, text: "How many events one commit holds at most; a NATS server takes no more than 1,000 unless configured otherwise."},
		"ledger.Config.pull_bytes":       {unit: "bytes", min: 64 << 10, max: 256 << 20, text: "How much one pull of a scan brings at most; two are under way at once."},
		"ledger.Config.consumer":         {text: "The name of the scan's consumer. Two learners that scan one log each need a name."},
		"ledger.TLS.ca":                  {text: "The authority that vouches for the server: a PEM file."},
		"ledger.TLS.cert":                {text: "This client's certificate: a PEM file."},
		"ledger.TLS.key":                 {text: "The key of that certificate: a PEM file."},

		"optim.Config.si":       {text: "Synaptic intelligence: what made the loss fall is held on to. First in the list."},
		"optim.Config.rwalk":    {text: "Riemannian walk: what made the loss fall, and what it depended on, is held on to. First in the list, in place of si."},
		"optim.Config.ewc":      {text: "Elastic weight consolidation: what the loss depended on is held on to. Before all but si."},
		"optim.Config.mas":      {text: "Memory aware synapses: what the outputs depend on is held on to."},
		"optim.Config.l2":       {text: "A pull back to the parameters at the last consolidation."},
		"optim.Config.l2sp":     {text: "A pull back to the parameters at the start."},
		"optim.Config.clip":     {text: "A bound on the global norm of the gradient. Before the optimizer."},
		"optim.Config.sgd":      {text: "Stochastic gradient descent, with momentum where asked."},
		"optim.Config.adamw":    {text: "Adam with decoupled weight decay."},
		"optim.Config.ftrl":     {text: "FTRL-Proximal: a rate for each parameter that falls by itself, and an l1 that keeps parameters at 0."},
		"optim.Config.adagrad":  {text: "Adagrad: steps shrink where gradients have been large."},
		"optim.Config.schedule": {text: "A factor on the step that changes over time. Last in the list."},

		"optim.EWC.strength":          {unit: "factor", above: 0, text: "The weight of the penalty."},
		"optim.EWC.variant":           {enum: []any{"online", "separate"}, text: "One penalty in which older phases fade (online), or one for each phase (separate)."},
		"optim.EWC.fisher":            {enum: []any{"streaming", "empirical", "true", "exact"}, text: "How the Fisher information is estimated: from the batches that were learned (streaming), or from single examples at a consolidation, at their labels (empirical), at a label drawn from the model (true) or at all of them (exact)."},
		"optim.EWC.decay":             {unit: "factor", above: 0, max: 1, text: "How much of the older Fisher information stays at each consolidation; for online alone."},
		"optim.EWC.every":             {unit: "steps", text: "How many steps lie between consolidations; 0: none by itself. For fisher streaming alone."},
		"optim.RWalk.strength":        {unit: "factor", above: 0, text: "The weight of the penalty."},
		"optim.RWalk.mix":             {unit: "factor", above: 0, max: 1, text: "The share of the newest squared gradient in the Fisher information, below 1."},
		"optim.RWalk.epsilon":         {unit: "loss", above: 0, text: "What is added to the distance that a fall of the loss is divided by."},
		"optim.SI.strength":           {unit: "factor", above: 0, text: "The weight of the penalty."},
		"optim.SI.damping":            {unit: "parameter squared", above: 0, text: "What is added to the square of the way that a parameter went."},
		"optim.MAS.strength":          {unit: "factor", above: 0, text: "The weight of the penalty."},
		"optim.MAS.decay":             {unit: "factor", above: 0, max: 1, text: "How much of the older importances stays at each consolidation."},
		"optim.L2.strength":           {unit: "factor", above: 0, text: "The weight of the penalty."},
		"optim.L2SP.strength":         {unit: "factor", above: 0, text: "The weight of the penalty."},
		"optim.Clip.norm":             {unit: "norm", above: 0, text: "The greatest global norm that a gradient keeps."},
		"optim.SGD.learning_rate":     {unit: "rate", above: 0, text: "The length of a step."},
		"optim.SGD.momentum":          {unit: "factor", min: 0, text: "How much of the last step is taken again, below 1."},
		"optim.SGD.nesterov":          {text: "Whether the momentum looks ahead; needs a momentum."},
		"optim.AdamW.learning_rate":   {unit: "rate", above: 0, text: "The length of a step."},
		"optim.AdamW.beta1":           {unit: "factor", above: 0, text: "The decay of the mean gradient, below 1."},
		"optim.AdamW.beta2":           {unit: "factor", above: 0, text: "The decay of the mean squared gradient, below 1."},
		"optim.AdamW.epsilon":         {unit: "gradient", above: 0, text: "What is added to the root of the mean square."},
		"optim.AdamW.weight_decay":    {unit: "factor", min: 0, text: "How much every parameter decays, times the learning rate."},
		"optim.FTRL.alpha":            {unit: "rate", above: 0, max: 1000, text: "The scale of the rates."},
		"optim.FTRL.beta":             {unit: "gradient", min: 0.000001, text: "What is added to the root of the sum of squares."},
		"optim.FTRL.l1":               {unit: "gradient", min: 0, text: "The sum of gradients up to which a parameter stays exactly 0."},
		"optim.FTRL.l2":               {unit: "factor", min: 0, text: "How strongly parameters are pulled to 0."},
		"optim.Adagrad.learning_rate": {unit: "rate", above: 0, text: "The length of a step."},
		"optim.Adagrad.epsilon":       {unit: "gradient", above: 0, text: "What is added to the root of the sum of squares."},
		"optim.Adagrad.initial":       {unit: "gradient squared", min: 0, text: "What the sum of squares starts with."},
		"optim.Schedule.kind":         {enum: []any{"constant", "linear", "cosine", "inverse_sqrt", "step"}, text: "The shape of the factor over the steps."},
		"optim.Schedule.warmup":       {unit: "steps", text: "How many steps the factor takes to rise to 1 first."},
		"optim.Schedule.steps":        {unit: "steps", text: "For linear and cosine: how many steps after the warm-up the factor takes to its end."},
		"optim.Schedule.final":        {unit: "factor", min: 0, max: 1, text: "For linear and cosine: the factor at the end."},
		"optim.Schedule.every":        {unit: "steps", text: "For step: how many steps lie between reductions."},
		"optim.Schedule.factor":       {unit: "factor", above: 0, max: 1, optional: true, text: "For step: what each reduction multiplies by; 0.5 if left out."},
		"optim.Schedule.groups":       {text: "Tensors that learn more slowly than others, or not at all. The first group that matches a tensor counts.", minItems: 1, maxItems: 64},
		"optim.Group.tensors":         {required: true, text: "Which tensors: a pattern of their names, such as output.bias, hidden.* or *.weight."},
		"optim.Group.factor":          {required: true, unit: "factor", min: 0, max: 1, text: "What their steps are multiplied by; with 0 they stay what they are."},

		"guard.Config.window":       {unit: "examples", min: 1},
		"guard.Config.min_examples": {unit: "examples", min: 0, text: "How many there must be, after a rollback, before a candidate is promoted again."},
		"guard.Config.relative":     {unit: "share", min: 0},
		"guard.Config.absolute":     {unit: "loss", min: 0},

		"replay.Config.kind": {
			text: "What the memory keeps, by the laws of [memories.md](memories.md): any example with equal probability (" + string(replay.Reservoir) +
				"), the same within each class (" + string(replay.ClassBalanced) + ") or segment (" + string(replay.Stratified) +
				"), the latest beside a reservoir (" + string(replay.RecencyMixed) + "), the latest of each class (" + string(replay.RingBuffer) +
				"), the first of each class (" + string(replay.GDumb) + "), what is typical of a class (" + string(replay.Herding) +
				"), what pulls the weights to different sides (" + string(replay.GSS) + "), or what is not learned yet (" + string(replay.LossAware) + ").",
			enum: enum(replay.Kinds()),
		},
		"replay.Config.capacity":   {unit: "examples", min: 1, max: replay.MaxCapacity, text: "The largest number of examples held; 67,108,864 if there is a max_bytes and this is left out."},
		"replay.Config.max_bytes":  {unit: "bytes", min: 0, text: "A bound on the memory that the examples take, by the estimate that is reported as memory_bytes; 0: none. 4,096 bytes, and 200 for each of max_groups where groups are told apart, are the least."},
		"replay.Config.recent":     {unit: "share", above: 0, text: "The share of the capacity that holds the latest examples, below 1; for " + string(replay.RecencyMixed) + " alone."},
		"replay.Config.max_groups": {unit: "groups", min: 1, text: "How many classes or segments are told apart; all that come later share one more. For all kinds but " + string(replay.RecencyMixed) + "; for " + string(replay.Reservoir) + " with balanced retrieval."},
		"replay.Config.by":         {enum: []any{replay.ByClass, replay.BySegment}, text: "What a " + string(replay.RingBuffer) + " tells apart."},
		"replay.Config.compare":    {unit: "examples", min: 1, max: replay.MaxCompare, text: "With how many examples held " + string(replay.GSS) + " compares newcomers (10), and among how many of a class " + string(replay.Herding) + " chooses the one that gives way (3), which take turns."},
		"replay.Config.store": {
			enum: []any{replay.Float32, replay.Uint8},
			text: "How dense features are held: as they came, or in a byte each where all of an example are of the form k/255, to within 1e-6. An example that is not is held as it came.",
		},
		"replay.Config.logits":   {text: "Whether the learner keeps its logits beside each example. The losses der, derpp and ace_derpp keep them anyway."},
		"replay.Config.retrieve": {text: "Which of the examples held are rehearsed."},
		"replay.Retrieve.kind": {
			enum: enum(replay.Retrievals()),
			text: "Any with equal probability (" + string(replay.Random) + "), evenly from each class or segment (" + string(replay.Balanced) +
				"), or those that the new examples would make worse (" + string(replay.Interfered) + ").",
		},
		"replay.Retrieve.candidates": {unit: "examples", min: 1, max: replay.MaxCompare, text: "Among how many examples " + string(replay.Interfered) + " chooses; among as many as are rehearsed, if that is more."},
	}
}

// enum lists the values of a named type.
func enum[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}
