package checkpoint

import "time"

// A Version names a state of the learner by the log position of the last record
// in it.
type Version uint64

// A Manifest describes one durable version.
type Manifest struct {
	Version  Version   `json:"version"`
	Model    string    `json:"model"`
	Log      LogID     `json:"log"`
	LogTime  time.Time `json:"log_time"`
	// Config is the digest of everything in the configuration that learning
	// depends on; a state is a function of it, the seed and the log.
	Config string `json:"config"`
	// StateHash is the SHA-256 over the names and uncompressed digests of all
	// blobs, in order.
	StateHash string            `json:"state_hash"`
	Spec      []byte            `json:"spec"` // models.Spec as JSON: a server needs nothing else
	Summary   map[string]string `json:"summary,omitempty"`
	Blobs     []BlobInfo        `json:"blobs"`
}

// A LogID tells one log from a re-created log of the same name.
type LogID struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
}

// BlobInfo describes a stored blob.
type BlobInfo struct {
	Name      string `json:"name"` // weights, optimizer, replay, join, guard, metrics, ...
	MediaType string `json:"media_type"`
	Digest    string `json:"digest"`  // of the uncompressed bytes: sha256:hex
	Size      int64  `json:"size"`    // of the uncompressed bytes
	Stored    string `json:"stored"`  // digest of the compressed bytes, the OCI blob
	StoredLen int64  `json:"stored_size"`
}

// WeightsBlob is the name of the blob that a server needs.
const WeightsBlob = "weights"
