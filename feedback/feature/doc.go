// Package feature holds the dictionary of a model's features, and turns the JSON
// of an example into the row of numbers that the model reads.
//
//	{"age": 41, "city": "Graz", "emb": [0.1, 0.7]}
//	        │ Dictionary.Encode, one pass
//	        ▼
//	Row{Dense: [0.3, 0.1, 0.7], Categories: [5121]}
//
// The dictionary says of each feature what it is called, what it means, who owns
// it, how personal it is, and what happens to an example in which it is missing or
// makes no sense.
//
// # Categories
//
// A categorical value is a string, or an integer, which is the same category as its
// decimal text: 7, 7.0 and "7" are one. Its bucket is
//
//	fmix64(FNV-1a-64(name, 0x00, value)) mod buckets
//
// where fmix64 is the finaliser of MurmurHash3. The feature's name is the salt, so
// that equal values of two features do not collide in step. This is part of the
// format of every trained model: it never changes.
//
// A categorical feature with Max is an array of such values, each hashed like a single
// one; a value that stands twice counts twice.
//
// # Invariants
//
//   - Encode is a function of the dictionary and the JSON alone.
//   - Every number in a Row is finite, and every category is below its feature's
//     number of buckets, and at least 0 but where an array has no value.
//   - Encode allocates the row, and nothing else unless it refuses the example.
//
// # Concurrency
//
// A Dictionary is immutable; any number of goroutines may use it.
package feature
