// Package protocol reads suites: which data are shown in which order, to which learners,
// under which seeds, and what was published about it.
//
//	suite.yaml ──▶ Suite ──▶ Suite.Engine(method, ...) ──▶ engine.Config
//
// What a method does is said in the configuration's own words: the keys of a model in
// learner.yaml, verbatim. The suite has some for all methods, and a method's keys take
// their place.
//
// # Invariants
//
//   - A suite has no setting that the daemon does not have, but for how often it is
//     looked at.
//   - Unknown keys, unknown data sets and values out of range are errors that name the
//     field, before anything runs.
//   - Equal suites and methods have equal digests; what decides no figure, such as a
//     title, is not part of them.
//
// # Concurrency
//
// A Suite is never written to after it was read.
package protocol
