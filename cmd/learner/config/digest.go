package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/feedback/feature"
)

// learned is everything that what a model learns depends on, beside its log. The
// names, like the fields, are part of the digest.
type learned struct {
	Format   int               `json:"format"`
	Consent  feedback.Consent  `json:"consent"`
	MaxEvent int               `json:"max_event_bytes"`
	Unknown  feature.Policy    `json:"unknown_features"`
	Features []feature.Feature `json:"features"`
	Engine   engine.Config     `json:"engine"`
}

// digestFormat changes when a digest comes to mean something else.
const digestFormat = 1

// Digest returns "sha256:" and the digest of everything that the named model's
// learning depends on, defaults filled in: equal digests over equal logs give equal
// states, bit for bit. Addresses, folders, limits of the HTTP face, retention, and
// what the feature dictionary says for people alone are no part of it. A
// checkpoint that was written under another digest does not continue exactly.
func (c *Config) Digest(model string) (string, error) {
	m, ok := c.Model(model)
	if !ok {
		return "", fmt.Errorf("digest of the configuration: no model is named %q", model)
	}
	e, err := m.Engine(c.Seed)
	if err != nil {
		return "", fmt.Errorf("digest of the configuration: %w", err)
	}
	dict := m.Dictionary().WithDefaults()
	for i := range dict.Features {
		f := &dict.Features[i]
		f.Meaning, f.Owner, f.Since, f.PersonalData = "", "", "", ""
	}
	// encoding/json is canonical for these types: fields in their order, keys of
	// maps sorted, the shortest digits that read back as the same float.
	canonical, err := json.Marshal(learned{
		Format: digestFormat, Consent: c.Consent.Default, MaxEvent: m.MaxEventBytes,
		Unknown: dict.Unknown, Features: dict.Features, Engine: e,
	})
	if err != nil {
		return "", fmt.Errorf("digest of the configuration: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}
