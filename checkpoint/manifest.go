package checkpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// normal returns m in the one form that it has on disk: times in UTC, Spec
// compact.
func (m Manifest) normal() (Manifest, error) {
	if m.Model == "" {
		return m, fmt.Errorf("%w: manifest: model is empty", ErrInvalid)
	}
	m.LogTime = m.LogTime.UTC().Round(0)
	m.Log.Created = m.Log.Created.UTC().Round(0)
	if len(m.Spec) > 0 {
		var b bytes.Buffer
		if err := json.Compact(&b, m.Spec); err != nil {
			return m, fmt.Errorf("%w: manifest: spec is not JSON: %w", ErrInvalid, err)
		}
		m.Spec = b.Bytes()
	}
	return m, nil
}

// ociManifest returns the OCI manifest of m over its encoded config.
func ociManifest(m Manifest, config []byte) ([]byte, error) {
	doc := v1.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    v1.MediaTypeImageManifest,
		ArtifactType: Type,
		Config: v1.Descriptor{
			MediaType: ConfigType,
			Digest:    digest.Digest(digestOf(config)),
			Size:      int64(len(config)),
		},
		Layers: make([]v1.Descriptor, len(m.Blobs)),
	}
	for i, b := range m.Blobs {
		doc.Layers[i] = b.layer()
	}
	return encodeJSON(doc)
}

func (b BlobInfo) layer() v1.Descriptor {
	return v1.Descriptor{
		MediaType: b.MediaType + "+zstd",
		Digest:    digest.Digest(b.Stored),
		Size:      b.StoredLen,
		Annotations: map[string]string{
			v1.AnnotationTitle: b.Name,
			noteDigest:         b.Digest,
			noteSize:           strconv.FormatInt(b.Size, 10),
		},
	}
}

// parseOCI reads an OCI manifest of ours, as far as where its config is.
func parseOCI(raw []byte) (*v1.Manifest, error) {
	var doc v1.Manifest
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("%w: manifest: %w", ErrCorrupt, err)
	}
	if err := checkType("manifest", doc.ArtifactType, Type, typeStem); err != nil {
		return nil, err
	}
	if doc.Config.MediaType != ConfigType {
		return nil, fmt.Errorf("%w: config of type %q, want %s", ErrCorrupt, doc.Config.MediaType, ConfigType)
	}
	if err := doc.Config.Digest.Validate(); err != nil || doc.Config.Digest.Algorithm() != digest.SHA256 {
		return nil, fmt.Errorf("%w: config digest %q", ErrCorrupt, doc.Config.Digest)
	}
	if doc.Config.Size < 2 || doc.Config.Size > maxManifest {
		return nil, fmt.Errorf("%w: config of %d bytes", ErrCorrupt, doc.Config.Size)
	}
	return &doc, nil
}

// parseConfig reads our Manifest and holds it against itself and the layers of
// the OCI manifest that carries it.
func parseConfig(raw []byte, doc *v1.Manifest) (*document, error) {
	var m Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%w: config: %w", ErrCorrupt, err)
	}
	if string(m.Spec) == "null" {
		m.Spec = nil
	}
	if len(m.Blobs) == 0 || len(m.Blobs) > maxBlobs || len(m.Blobs) != len(doc.Layers) {
		return nil, fmt.Errorf("%w: config lists %d blobs, manifest %d layers", ErrCorrupt, len(m.Blobs), len(doc.Layers))
	}
	seen := make(map[string]bool, len(m.Blobs))
	for i, b := range m.Blobs {
		switch {
		case !blobName.MatchString(b.Name) || seen[b.Name]:
			return nil, fmt.Errorf("%w: config: blob name %q", ErrCorrupt, b.Name)
		case !validDigest(b.Digest) || !validDigest(b.Stored):
			return nil, fmt.Errorf("%w: config: blob %s: digests %q, %q", ErrCorrupt, b.Name, b.Digest, b.Stored)
		case b.Size < 0 || b.StoredLen < 1:
			return nil, fmt.Errorf("%w: config: blob %s: sizes %d, %d", ErrCorrupt, b.Name, b.Size, b.StoredLen)
		}
		seen[b.Name] = true
		want, got := b.layer(), doc.Layers[i]
		if got.Digest != want.Digest || got.Size != want.Size || got.MediaType != want.MediaType ||
			got.Annotations[noteDigest] != b.Digest || got.Annotations[v1.AnnotationTitle] != b.Name {
			return nil, fmt.Errorf("%w: layer %d is not blob %s of the config", ErrCorrupt, i, b.Name)
		}
	}
	if want := StateHash(m.Blobs); m.StateHash != want {
		return nil, fmt.Errorf("%w: config: state hash %s, its blobs give %s", ErrCorrupt, m.StateHash, want)
	}
	return &document{m, doc.Config.Digest}, nil
}

func validDigest(s string) bool {
	d := digest.Digest(s)
	return d.Validate() == nil && d.Algorithm() == digest.SHA256
}
