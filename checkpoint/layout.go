package checkpoint

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Media types of this format. The number at the end goes up when an older build
// could misread what a newer one wrote.
const (
	StoreType  = "application/vnd.perennial.store.v1"                  // artifactType of index.json
	Type       = "application/vnd.perennial.checkpoint.v1"             // artifactType of a version
	ConfigType = "application/vnd.perennial.checkpoint.config.v1+json" // our Manifest
	storeStem  = "application/vnd.perennial.store.v"
	typeStem   = "application/vnd.perennial.checkpoint.v"
)

// Annotations of ours in the OCI documents.
const (
	noteKind       = "ml.perennial.kind"       // of a reference: version, channel, tag
	noteLogTime    = "ml.perennial.log-time"   // of a version: RFC 3339
	noteGeneration = "ml.perennial.generation" // of the index: commits so far
	noteSeal       = "ml.perennial.seal"       // of the index: SHA-256 of the file, this hex as zeros
	noteDigest     = "ml.perennial.digest"     // of a layer: of its plain bytes
	noteSize       = "ml.perennial.size"       // of a layer: of its plain bytes
)

// A kind says what a reference of the index is.
type kind string

const (
	kindVersion kind = "version"
	kindChannel kind = "channel"
	kindTag     kind = "tag"
)

var (
	refName     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)
	versionName = regexp.MustCompile(`^v[0-9]+$`)
)

// An index is what index.json says. It is never changed, only replaced.
type index struct {
	generation uint64
	entries    []entry // ascending
	refs       map[string]ref
}

// An entry is a version in the index: where its OCI manifest is.
type entry struct {
	version Version
	logTime time.Time
	digest  digest.Digest
	size    int64
}

type ref struct {
	kind    kind
	version Version
}

func (x *index) find(v Version) (entry, bool) {
	i, ok := slices.BinarySearchFunc(x.entries, v, func(e entry, v Version) int { return cmp.Compare(e.version, v) })
	if !ok {
		return entry{}, false
	}
	return x.entries[i], true
}

// named returns the names that hold on to a version, sorted.
func (x *index) named(v Version) []string {
	var names []string
	for name, r := range x.refs {
		if r.version == v {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// with returns a copy with e added, or put in the place of its version.
func (x *index) with(e entry) *index {
	next := x.clone()
	next.entries = slices.DeleteFunc(next.entries, func(o entry) bool { return o.version == e.version })
	next.entries = append(next.entries, e)
	slices.SortFunc(next.entries, func(a, b entry) int { return cmp.Compare(a.version, b.version) })
	return next
}

func (x *index) clone() *index {
	next := &index{generation: x.generation, entries: slices.Clone(x.entries), refs: maps.Clone(x.refs)}
	if next.refs == nil {
		next.refs = map[string]ref{}
	}
	return next
}

func (e entry) descriptor(k kind, name string) v1.Descriptor {
	d := v1.Descriptor{
		MediaType:    v1.MediaTypeImageManifest,
		ArtifactType: Type,
		Digest:       e.digest,
		Size:         e.size,
		Annotations:  map[string]string{v1.AnnotationRefName: name, noteKind: string(k)},
	}
	if k == kindVersion {
		d.Annotations[noteLogTime] = e.logTime.Format(time.RFC3339Nano)
	}
	return d
}

// encode returns index.json, sealed.
func (x *index) encode() ([]byte, error) {
	doc := v1.Index{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    v1.MediaTypeImageIndex,
		ArtifactType: StoreType,
		Manifests:    []v1.Descriptor{},
		Annotations: map[string]string{
			noteGeneration: strconv.FormatUint(x.generation, 10),
			noteSeal:       noSeal,
		},
	}
	for _, e := range x.entries {
		doc.Manifests = append(doc.Manifests, e.descriptor(kindVersion, e.version.String()))
	}
	for _, name := range slices.Sorted(maps.Keys(x.refs)) {
		r := x.refs[name]
		e, ok := x.find(r.version)
		if !ok {
			return nil, fmt.Errorf("%s %s names %s: %w", r.kind, name, r.version, ErrNotFound)
		}
		doc.Manifests = append(doc.Manifests, e.descriptor(r.kind, name))
	}
	raw, err := encodeJSON(doc)
	if err != nil {
		return nil, fmt.Errorf("encode index: %w", err)
	}
	if len(raw) > maxIndex {
		return nil, fmt.Errorf("index: %w: %d bytes, at most %d", ErrTooLarge, len(raw), maxIndex)
	}
	at, err := sealAt(raw)
	if err != nil {
		return nil, err
	}
	copy(raw[at:], digestOf(raw))
	return raw, nil
}

// noSeal stands where the seal will be while it is computed.
var noSeal = digestPrefix + strings.Repeat("0", 64)

// sealAt returns where the value of the seal starts.
func sealAt(raw []byte) (int, error) {
	key := []byte(`"` + noteSeal + `":"`)
	at := bytes.Index(raw, key) + len(key)
	if bytes.Count(raw, key) != 1 || at+len(noSeal) > len(raw) {
		return 0, fmt.Errorf("index: %w: no seal", ErrCorrupt)
	}
	return at, nil
}

// parseIndex reads index.json. It trusts nothing before the seal, which covers
// every byte, has held.
func parseIndex(raw []byte) (*index, error) {
	at, err := sealAt(raw)
	if err != nil {
		return nil, err
	}
	blank := bytes.Clone(raw)
	copy(blank[at:], noSeal)
	if want := digestOf(blank); string(raw[at:at+len(noSeal)]) != want {
		return nil, fmt.Errorf("index: %w: its seal does not match its bytes", ErrCorrupt)
	}
	var doc v1.Index
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("index: %w: %w", ErrCorrupt, err)
	}
	if err := checkType("index", doc.ArtifactType, StoreType, storeStem); err != nil {
		return nil, err
	}
	x := &index{refs: map[string]ref{}}
	if x.generation, err = strconv.ParseUint(doc.Annotations[noteGeneration], 10, 64); err != nil {
		return nil, fmt.Errorf("index: %w: generation: %w", ErrCorrupt, err)
	}
	for _, d := range doc.Manifests {
		if err := x.add(d); err != nil {
			return nil, fmt.Errorf("index: %w: %w", ErrCorrupt, err)
		}
	}
	for name, r := range x.refs {
		if _, ok := x.find(r.version); !ok {
			return nil, fmt.Errorf("index: %w: %s names %s, which is not there", ErrCorrupt, name, r.version)
		}
	}
	return x, nil
}

// add reads one descriptor. Versions come before what names them, ascending.
func (x *index) add(d v1.Descriptor) error {
	name := d.Annotations[v1.AnnotationRefName]
	if d.MediaType != v1.MediaTypeImageManifest {
		return fmt.Errorf("%q has media type %q", name, d.MediaType)
	}
	if err := d.Digest.Validate(); err != nil || d.Digest.Algorithm() != digest.SHA256 {
		return fmt.Errorf("%q has digest %q", name, d.Digest)
	}
	if d.Size < 1 || d.Size > maxManifest {
		return fmt.Errorf("%q has size %d", name, d.Size)
	}
	switch k := kind(d.Annotations[noteKind]); k {
	case kindVersion:
		v, err := ParseVersion(name)
		if err != nil || v.String() != name {
			return fmt.Errorf("%q is not a version", name)
		}
		if n := len(x.entries); n > 0 && x.entries[n-1].version >= v {
			return fmt.Errorf("%s is out of order", v)
		}
		at, err := time.Parse(time.RFC3339Nano, d.Annotations[noteLogTime])
		if err != nil {
			return fmt.Errorf("%s: log time: %w", v, err)
		}
		x.entries = append(x.entries, entry{version: v, logTime: at, digest: d.Digest, size: d.Size})
	case kindChannel, kindTag:
		if err := checkRef(name); err != nil {
			return err
		}
		if _, dup := x.refs[name]; dup {
			return fmt.Errorf("%q twice", name)
		}
		i := slices.IndexFunc(x.entries, func(e entry) bool { return e.digest == d.Digest })
		if i < 0 {
			return fmt.Errorf("%q names no version", name)
		}
		x.refs[name] = ref{k, x.entries[i].version}
	default:
		return fmt.Errorf("%q is of kind %q", name, k)
	}
	return nil
}

// checkRef holds a channel or tag to the grammar of OCI tags, apart from the
// names of versions.
func checkRef(name string) error {
	if !refName.MatchString(name) {
		return fmt.Errorf("%w: name %q: want letters, digits, _ . -, at most 128", ErrInvalid, name)
	}
	if versionName.MatchString(name) {
		return fmt.Errorf("%w: name %q: is kept for a version", ErrInvalid, name)
	}
	return nil
}

// checkType compares a media type; another number on the same stem is a format
// of another build.
func checkType(what, got, want, stem string) error {
	if got == want {
		return nil
	}
	if number, ok := strings.CutPrefix(got, stem); ok {
		number, _, _ = strings.Cut(number, "+")
		if _, err := strconv.ParseUint(number, 10, 32); err == nil {
			return fmt.Errorf("%s: %w: %s; this build reads %s", what, ErrFormat, got, want)
		}
	}
	return fmt.Errorf("%s: %w: type %q, want %s", what, ErrCorrupt, got, want)
}

// encodeJSON returns v as compact JSON without HTML escapes or a last newline.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
