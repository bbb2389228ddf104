package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Version names a state of the learner by the log position of the last record
// in it.
type Version uint64

// String returns the version's tag, as in "v1200".
func (v Version) String() string { return "v" + strconv.FormatUint(uint64(v), 10) }

// ParseVersion reads a version as String writes it, or as a bare position.
func ParseVersion(s string) (Version, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "v"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("version %q: want a log position, as in v1200: %w", s, err)
	}
	return Version(n), nil
}

// A Manifest describes one durable version. As JSON it is the config blob of the
// version's OCI manifest.
type Manifest struct {
	Version Version   `json:"version"`
	Model   string    `json:"model"`
	Log     LogID     `json:"log"`
	LogTime time.Time `json:"log_time"`
	// Config is the digest of everything in the configuration that learning
	// depends on; a state is a function of it, the seed and the log.
	Config string `json:"config"`
	// StateHash is the SHA-256 over the names and uncompressed digests of all
	// blobs, in order; see StateHash. Write computes it.
	StateHash string `json:"state_hash"`
	// Spec is models.Spec as JSON: with the weights, all that a server needs.
	Spec    json.RawMessage   `json:"spec"`
	Summary map[string]string `json:"summary,omitempty"`
	Blobs   []BlobInfo        `json:"blobs"` // Write fills it in
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
	Digest    string `json:"digest"`      // of the uncompressed bytes: sha256:hex
	Size      int64  `json:"size"`        // of the uncompressed bytes
	Stored    string `json:"stored"`      // digest of the compressed bytes, the OCI blob
	StoredLen int64  `json:"stored_size"` // of the compressed bytes
}

// WeightsBlob is the name of the blob that a server needs. Those of large tensors' chunks
// are named "weights.TENSOR.CHUNK".
const WeightsBlob = "weights"

var weightsName = regexp.MustCompile(`^` + WeightsBlob + `(\.[0-9]+\.[0-9]+)?$`)

// StateHash names a state by content: the SHA-256, as "sha256:hex", over the
// line name, zero byte, uncompressed digest, newline of each blob, in order.
func StateHash(blobs []BlobInfo) string {
	h := sha256.New()
	for _, b := range blobs {
		fmt.Fprintf(h, "%s\x00%s\n", b.Name, b.Digest)
	}
	return digestPrefix + hex.EncodeToString(h.Sum(nil))
}

const digestPrefix = "sha256:"

var blobName = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)

// Bounds on what a manifest may hold.
const (
	maxBlobs    = 1 << 14
	maxManifest = 16 << 20 // bytes of JSON, of an OCI manifest or a config
	maxIndex    = 16 << 20 // bytes of JSON
)

// WeightsOnly reports whether a version holds its weights and nothing else: enough to
// serve from, and not to go on from.
func (m *Manifest) WeightsOnly() bool {
	for _, b := range m.Blobs {
		if !weightsName.MatchString(b.Name) {
			return false
		}
	}
	return len(m.Blobs) > 0
}

// weightsOf reports whether m is the weights of whole, and nothing else.
func (m *Manifest) weightsOf(whole Manifest) bool {
	w, ok := whole.WeightsDigest()
	own, _ := m.WeightsDigest()
	return ok && m.WeightsOnly() && own == w
}

// WeightsDigest names the weights by content: the digest of their blob, or if there are
// several the StateHash of those. ok is false for a version without weights.
func (m *Manifest) WeightsDigest() (digest string, ok bool) {
	var list []BlobInfo
	for _, b := range m.Blobs {
		if weightsName.MatchString(b.Name) {
			list = append(list, b)
		}
	}
	switch len(list) {
	case 0:
		return "", false
	case 1:
		return list[0].Digest, true
	}
	return StateHash(list), true
}

// Blob returns the description of a blob by name.
func (m *Manifest) Blob(name string) (BlobInfo, bool) {
	for _, b := range m.Blobs {
		if b.Name == name {
			return b, true
		}
	}
	return BlobInfo{}, false
}
