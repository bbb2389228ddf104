package config

import (
	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/feedback"
)

// A note adds to a field of the schema what its Go type does not say. The rooms'
// own Validate has the last word; bounds stand here so that an editor knows them.
type note struct {
	text      string // the description; "" for the field's doc comment
	unit      string // of a number, duration or size
	min, max  any    // bounds, included
	above     any    // lower bound, excluded
	enum      []any
	pattern   string
	format    string // x-format: says the pattern in words
	maxLength int
	minItems  int
	maxItems  int
	keys      []string // of a map that has these alone
	one       bool     // a mapping of which exactly one key is set
	required  bool
	optional  bool // absent means something that no value says
	sensitive bool // never shown
}

// words adds what a note says of a string.
func (n note) words(o object) object {
	if n.enum != nil {
		o = append(o, member{"enum", n.enum})
	}
	if n.pattern != "" {
		o = append(o, member{"pattern", n.pattern})
	}
	if n.format != "" {
		o = append(o, member{"x-format", n.format})
	}
	if n.maxLength > 0 {
		o = append(o, member{"maxLength", n.maxLength})
	}
	if n.sensitive {
		o = append(o, member{"writeOnly", true})
	}
	return o
}

// bounds adds what a note says of a number.
func (n note) bounds(o object) object {
	if n.min != nil {
		o = append(o, member{"minimum", n.min})
	}
	if n.above != nil {
		o = append(o, member{"exclusiveMinimum", n.above})
	}
	if n.max != nil {
		o = append(o, member{"maximum", n.max})
	}
	return o
}

// notes lists them by type and key.
func notes() map[string]note {
	all := map[string]note{
		"config.Config.seed":    {unit: "none", min: 1},
		"config.Config.http":    {text: "The face to applications: HTTP."},
		"config.Config.consent": {text: "What events that do not say it are taken to allow."},
		"config.Config.log":     {text: "The log: embedded in the process unless a URL is given."},
		"config.Config.compute": {text: "How models are computed: no state, no version and no answer depends on it, and it may change with each start."},
		"compute.Settings.kernels": {
			text: "The family of kernels: the best that the machine has (auto), or one by name, which it then must have. All give the same bits; approximate kernels would not, and are refused.",
			enum: []any{"auto", "avx512", "avx2", "portable"},
		},
		"compute.Settings.threads": {unit: "threads", min: 1, max: compute.MaxThreads, text: "How many threads share a large product; small ones are never shared."},
		"config.Config.models":     {text: "The models of this process, each with its own log, state and folder.", required: true, minItems: 1, maxItems: 256},
		"config.Consent.default": {
			text: "What silence allows: none (the event is refused and nothing of it stored), measure (scored, never learned) or learn. The process names it at start.",
			enum: []any{"none", "measure", "learn"},
		},
	}
	for _, more := range []map[string]note{modelNotes(), engineNotes(), serveNotes(), roomNotes()} {
		for k, n := range more {
			all[k] = n
		}
	}
	return all
}

func modelNotes() map[string]note {
	refuseOr := func(other string) []any { return []any{"refuse", other} }
	return map[string]note{
		"config.Model.name": {
			required: true, format: "name", pattern: `^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`,
		},
		"config.Model.task":             {required: true, enum: []any{"binary", "multiclass", "regression"}},
		"config.Model.classes":          {unit: "classes", min: 2, max: 1 << 16, optional: true},
		"config.Model.max_classes":      {unit: "classes", min: 2, max: 1 << 16, optional: true},
		"config.Model.features":         {required: true, minItems: 1, maxItems: 4096},
		"config.Model.unknown_features": {enum: refuseOr("ignore")},
		"config.Model.optimizer": {
			text:     "The transforms of a gradient, in the order in which they apply. Without it: clip to a global norm of 1, then AdamW with a learning rate of 0.001.",
			one:      true,
			minItems: 1, maxItems: 16,
		},
		"config.Model.strategy":        {enum: []any{"default"}, optional: true, text: "What fills in the settings of replay, rehearsal and loss that are left out, for those who do not want to choose; by task (docs/strategies.md). Of binary also the optimizer, of kind mlp also how weights start, of both also splines."},
		"config.Model.replay":          {text: "The memory of past examples."},
		"config.Model.rehearsal":       {text: "How much of the past is mixed into each step."},
		"config.Model.loss":            {text: "What a step minimises."},
		"config.Model.projection":      {text: "Whether rehearsed examples bound a step, in place of being a part of its loss."},
		"config.Model.consolidation":   {text: "When a phase of learning ends, beside the boundaries that the log announces, and what then happens."},
		"config.Model.heads":           {minItems: 1, maxItems: 1 << 12},
		"config.Model.batch":           {text: "When waiting examples become one optimizer step."},
		"config.Model.signals":         {text: "How much each kind of signal is believed, and how predictions wait for theirs."},
		"config.Model.max_event_bytes": {unit: "bytes", min: 1, max: 8 << 20},
		"config.Model.segment":         {maxLength: 128},
		"config.Model.metrics":         {text: "The prequential meters."},
		"config.Model.seen":            {text: "The memory of event ids, by which a repeated event is known."},
		"config.Model.publish":         {text: "How often changed weights go to the servers."},
		"config.Model.promote":         {text: "When a candidate becomes stable."},
		"config.Model.checkpoint":      {text: "When a durable version is due, and how long it stays."},

		"config.Architecture.kind":       {enum: []any{"linear", "mlp", "cnn", "deepfm", "wide_and_deep", "sparse_linear"}},
		"config.Architecture.conv":       {minItems: 1, maxItems: 64},
		"config.Architecture.hidden":     {unit: "units", min: 1, max: 1 << 16, minItems: 1, maxItems: 64},
		"config.Architecture.embedding":  {unit: "elements", min: 1, max: 1 << 12, optional: true},
		"config.Architecture.table":      {unit: "rows", min: 1, max: 1 << 28, optional: true},
		"config.Architecture.init":       {enum: []any{"he", "glorot", "uniform_fan_in", "zero"}, optional: true},
		"config.Architecture.splines":    {unit: "columns", min: -1, max: 64, optional: true},
		"config.Architecture.norm":       {enum: []any{"layer"}, optional: true},
		"config.Architecture.class_norm": {above: 0, optional: true, unit: "norm"},
		"config.Architecture.dropout":    {unit: "probability", min: 0},
		"config.Architecture.activation": {enum: []any{"relu", "gelu", "tanh", "sigmoid"}},
		"models.Image.height":            {required: true, unit: "pixels", min: 1, max: 1 << 16, text: "The number of lines."},
		"models.Image.width":             {required: true, unit: "pixels", min: 1, max: 1 << 16, text: "The number of columns."},
		"models.Image.channels":          {unit: "channels", min: 1, max: 1 << 16, text: "The number of values of a pixel."},
		"models.Conv.filters":            {required: true, unit: "filters", min: 1, max: 1 << 16, text: "How many filters there are: channels of the layer's result."},
		"models.Conv.size":               {unit: "pixels", min: 1, max: 1 << 16, text: "The height and width of a filter; odd where padding is same."},
		"models.Conv.stride":             {unit: "pixels", min: 1, max: 1 << 16, text: "How far it is from one position of a filter to the next."},
		"models.Conv.padding":            {enum: []any{"same", "none"}, text: "What lies around the image: (size-1)/2 zeros on each side (same), which keeps height and width at a stride of 1, or nothing (none)."},
		"models.Conv.pool":               {enum: []any{"max", "mean", "none"}, text: "What stands for each window of pool_size x pool_size pixels after the convolution: the largest, the mean, or the pixels themselves (none)."},
		"models.Conv.pool_size":          {unit: "pixels", min: 1, max: 1 << 16, text: "The height and width of a pool's windows, which lie side by side; absent without a pool."},

		"feature.Feature.name":          {required: true, pattern: `^[!-~]{1,128}$`},
		"feature.Feature.kind":          {required: true, enum: []any{"numeric", "categorical", "vector"}, text: "The shape of the values: numeric (a number), categorical (a string or an integer, hashed into buckets) or vector (an array of dim numbers)."},
		"feature.Feature.dim":           {unit: "elements", min: 1, max: 1 << 16, optional: true},
		"feature.Feature.buckets":       {unit: "buckets", min: 2, max: 1 << 24, optional: true},
		"feature.Feature.max":           {unit: "values", min: 1, max: 4096, optional: true, text: "How many values a categorical feature may have, which is then an array of strings or integers; it has one value, and is no array, if left out. For deepfm, wide_and_deep and sparse_linear."},
		"feature.Feature.pool":          {enum: []any{"mean", "sum"}, optional: true, text: "How the values of an array become one: their mean (if left out) or their sum."},
		"feature.Feature.meaning":       {text: "What the feature means, for people."},
		"feature.Feature.owner":         {text: "Who answers for the feature."},
		"feature.Feature.since":         {text: "The version of the configuration that brought the feature."},
		"feature.Feature.personal_data": {text: "The class of personal data, from harmless to most protected.", enum: []any{"none", "pseudonymous", "personal", "sensitive"}},
		"feature.Feature.missing":       {text: "The policy for an absent key or a null: refuse the event, or let the default stand in.", enum: refuseOr("default")},
		"feature.Feature.invalid":       {text: "The policy for a value that is not finite, of another kind, a vector of another length, or an array of more than max values: refuse the event, or let the default stand in.", enum: refuseOr("default")},
		"feature.Feature.default":       {unit: "the feature's own"},
		"feature.Feature.mean":          {unit: "the feature's own", text: "What is subtracted from numbers and vector elements before they are divided by scale. It is never estimated from the stream."},
		"feature.Feature.bound":         {unit: "standardised", above: 0, optional: true, text: "The largest absolute value that a number, or a vector element, may have once it is standardised; 1e6 if left out. One value beyond would decide a step alone."},
		"feature.Feature.beyond":        {text: "The policy for a value beyond the bound: refuse the event (as where it is left out), clip the value to the bound, or let the default stand in.", enum: []any{"refuse", "clip", "default"}, optional: true},
		"feature.Feature.scale":         {unit: "the feature's own", above: 0, text: "What numbers and vector elements are divided by once mean is subtracted."},
	}
}

func engineNotes() map[string]note {
	kinds := make([]string, 0, 10)
	for _, k := range []feedback.SignalKind{
		feedback.Label, feedback.Correction, feedback.Correctness, feedback.Conversion, feedback.Rating,
		feedback.TaskCompletion, feedback.Preference, feedback.Click, feedback.Dwell, feedback.Skip,
	} {
		kinds = append(kinds, string(k))
	}
	return map[string]note{
		"arm.Rehearsal.ratio":         {unit: "examples per new one", max: 64, text: "How many rehearsed examples there are for each new one; negative for none."},
		"arm.Loss.kind":               {enum: []any{"er", "er_ace", "der", "derpp", "ace_derpp", "lwf"}, text: "What a step minimises: the mean loss over new and rehearsed examples (er), the same with new examples among their own classes alone (er_ace), rehearsed examples held to the logits that were stored with them (der), that beside a second draw held to its labels (derpp), the same with the masks of er_ace (ace_derpp), or all examples held to the answers at the last consolidation (lwf)."},
		"arm.Loss.alpha":              {unit: "factor", above: 0, optional: true},
		"arm.Loss.beta":               {unit: "factor", above: 0, optional: true, text: "What the labels of the second draw of derpp and ace_derpp weigh (0.5 by default), or of all that er rehearses; without it er takes one mean over new and rehearsed examples."},
		"arm.Loss.smoothing":          {unit: "share", min: 0, max: 1, optional: true},
		"engine.Batch.size":           {text: "How many examples make a step.", unit: "examples", min: 1, max: 4096},
		"engine.Batch.wait":           {text: "How long, in log time, the oldest example of a batch that is not full waits at most.", unit: "duration"},
		"engine.Metrics.window":       {text: "How many of the latest examples the windowed metrics look at.", unit: "examples", min: 1},
		"engine.Metrics.fading":       {text: "The factor by which the fading metrics discount the past with each example.", unit: "factor", above: 0, max: 1},
		"engine.Metrics.share":        {text: "The share of the micro-batches that are scored, drawn by position; the rest is learned without the cost of predicting it first.", unit: "share", above: 0, max: 1},
		"engine.Metrics.max_segments": {text: "How many segments are metered apart.", unit: "segments", min: 1},
		"engine.Seen.max_ids":         {unit: "ids", min: 1, text: "How many of the latest event ids are remembered, beyond the broker's own window; a million take some 50 MB."},
		"engine.Publishing.every":     {text: "How often, in log time, weights that changed are published.", unit: "duration"},
		"engine.Cadence.every":        {text: "How much log time passes until a durable version is due; records may make it due before.", unit: "duration"},
		"engine.Cadence.records":      {text: "How many records pass until a durable version is due; time may make it due before.", unit: "records", min: 1},

		"arm.Consolidation.every":           {unit: "examples", text: "How many examples a phase has at most; 0: it ends only where the log says so."},
		"arm.Consolidation.samples":         {unit: "examples", min: 1, max: 1 << 20, optional: true, text: "How many examples tell which parameters matter, for the optimizers mas and ewc (but for fisher streaming); 1,000 if left out."},
		"arm.Consolidation.source":          {enum: []any{"phase", "memory"}, optional: true, text: "Where those examples come from: a sample of the phase that ends (phase, if left out) or the rehearsal memory (memory)."},
		"arm.Consolidation.reset_optimizer": {text: "Whether the optimizer's moments and its schedule start afresh then."},
		"arm.Consolidation.drift":           {text: "Whether a phase ends where the learner's answers get worse, measured on each label before it is learned."},
		"guard.DriftConfig.false_alarms":    {unit: "alarms per million labels", min: 0, max: 1000, text: "How many alarms a stable stream may raise; 0: drift is not looked for."},
		"guard.DriftConfig.baseline":        {unit: "examples", min: 50, max: 1 << 20, optional: true, text: "How many labels a mean is learned from; 500 if left out."},
		"engine.Metrics.anchors":            {text: "Examples that are set aside, and never learned, to measure forgetting and transfer on."},
		"anchor.Config.size":                {unit: "examples", min: 0, max: 1 << 16, text: "How many examples are kept of each phase; 0: nothing is measured."},
		"anchor.Config.share":               {unit: "share", above: 0, max: 0.5, optional: true, text: "The share of the examples that is set aside; 0.01 if left out."},
		"anchor.Config.every":               {unit: "examples", optional: true, text: "How many examples are learned between two looks; 1,000 if left out."},
		"anchor.Config.phases":              {unit: "phases", min: 1, max: 256, optional: true, text: "How many phases that ended are kept; 16 if left out, the oldest goes first."},
		"anchor.Config.burst":               {text: "Looks that follow closer upon what may disturb what was learned: the end of a phase, the growth of the head, the rollback of the learner."},
		"anchor.Burst.looks":                {unit: "looks", max: 1 << 16, optional: true, text: "How many looks a burst has; 20 if left out, negative for none."},
		"anchor.Burst.every":                {unit: "examples", optional: true, text: "How many examples are learned between two looks of a burst; 1, a look after every micro-batch, if left out."},
		"arm.Loss.temperature":              {unit: "temperature", above: 0, optional: true},
		"arm.Projection.kind":               {enum: []any{"agem", "gem"}, optional: true, text: "What a step may not raise: the mean loss of a draw from the memory (agem), or that of any earlier segment in the memory (gem)."},
		"arm.Projection.margin":             {unit: "factor", min: 0, max: 1e6, optional: true, text: "The least weight of each earlier segment's gradient in a step that gem corrects."},
		"batch.Head.segment":                {required: true, maxLength: 256, text: "The value of the segment label."},
		"batch.Head.classes":                {required: true, unit: "classes", min: 0, minItems: 1, text: "The classes that compete for examples of that segment."},

		"signal.Config.reliability": {unit: "weight", min: 0, max: 1, keys: kinds,
			text: "The weight of a signal of this kind given with full confidence."},
		"signal.Config.dwell_threshold": {unit: "duration"},
		"signal.Config.spread":          {unit: "the target's own", above: 0},
		"signal.Join.window":            {unit: "duration"},
		"signal.Join.settle":            {unit: "duration"},
		"signal.Join.orphan_wait":       {unit: "duration"},
		"signal.Join.max_predictions":   {unit: "predictions", min: 1},
		"signal.Join.max_signals":       {unit: "signals", min: 1, max: 4096},
		"signal.Join.max_orphans":       {unit: "signals", min: 1},
		"signal.Config.join":            {text: "The attribution window: how predictions and signals wait for each other."},
		"signal.Join.max_bytes":         {unit: "bytes", min: 1 << 20},
		"feedback.Scale.min":            {text: "The lowest rating.", unit: "rating"},
		"feedback.Scale.max":            {text: "The highest rating.", unit: "rating"},
	}
}

func serveNotes() map[string]note {
	return map[string]note{
		"serve.Config.admin_token":   {sensitive: true, text: "What must be sent as a bearer token to control a model, at least 16 characters. Without one, control is open to loopback addresses only, and only while address is one."},
		"serve.Config.limits":        {text: "What one request, and all of them together, may take."},
		"serve.Config.record":        {text: "How served predictions reach the log."},
		"serve.Config.traffic":       {text: "How requests for predictions are split between the channels."},
		"serve.Limits.body":          {text: "The longest body of a request.", unit: "bytes", min: 1 << 10, max: 1 << 30},
		"serve.Limits.header":        {text: "The longest header of a request.", unit: "bytes", min: 1 << 10, max: 1 << 20},
		"serve.Limits.depth":         {text: "How deep JSON may nest.", unit: "levels", min: 4, max: 1000},
		"serve.Limits.rows":          {text: "How many rows one inference may ask about.", unit: "rows", min: 1, max: 1 << 20},
		"serve.Limits.events":        {text: "How many events one batch may hold.", unit: "events", min: 1, max: 1 << 20},
		"serve.Limits.concurrency":   {text: "How many requests are worked on at once; more are answered 429 with Retry-After.", unit: "requests", min: 1, max: 1 << 20},
		"serve.Limits.predictors":    {text: "How many requests one model computes at once; absent: the processors in use.", unit: "predictors", min: 1, max: 1024, optional: true},
		"serve.Limits.read_timeout":  {text: "How long a request may take to arrive.", unit: "duration"},
		"serve.Limits.timeout":       {text: "How long handling a request may take.", unit: "duration"},
		"serve.Limits.idle_timeout":  {text: "How long a kept connection may be idle.", unit: "duration"},
		"serve.Limits.drain":         {text: "How long a clean stop waits for requests in flight; under 5s.", unit: "duration"},
		"serve.Record.mode":          {text: "When a served prediction is in the log: async (after the answer, from a bounded queue) or durable (before the answer, on disk).", enum: []any{"async", "durable"}},
		"serve.Record.queue_events":  {text: "How many predictions of one model may be answered and not yet on disk.", unit: "events", min: 1, max: 1 << 24},
		"serve.Record.queue_bytes":   {text: "How many bytes of predictions of one model may be answered and not yet on disk.", unit: "bytes", min: 1 << 10, max: 1 << 36},
		"serve.Traffic.candidate":    {unit: "fraction", min: 0, max: 1},
		"checkpoint.Config.keep":     {text: "How many versions stay, beside those that a channel or a tag names.", unit: "versions", min: 2},
		"checkpoint.Config.keep_for": {text: "The greatest age of a version in log time, against the newest; older ones go even within keep. 0s: no bound.", unit: "duration"},
		"checkpoint.Config.compression": {
			unit: "level", min: 1, max: 4,
		},
		"checkpoint.Config.max_blob_bytes": {text: "The longest blob, uncompressed, that is written or read.", unit: "bytes", min: 1},
	}
}
