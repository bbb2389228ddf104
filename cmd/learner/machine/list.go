package machine

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/serve"
)

// List describes the durable versions, the newest first, with the channels and tags
// that name each.
func List(store *checkpoint.Store) ([]serve.VersionInfo, error) {
	versions, err := store.Versions()
	if err != nil {
		return nil, fmt.Errorf("list versions: %w", err)
	}
	channels, err := store.Channels()
	if err != nil {
		return nil, fmt.Errorf("list channels: %w", err)
	}
	tags, err := store.Tags()
	if err != nil {
		return nil, fmt.Errorf("list tags: %w", err)
	}
	names := map[checkpoint.Version][]string{}
	for name, v := range channels {
		names[v] = append(names[v], name)
	}
	for name, v := range tags {
		names[v] = append(names[v], name)
	}
	out := make([]serve.VersionInfo, len(versions))
	for i, m := range versions {
		var size int64
		for _, b := range m.Blobs {
			size += b.StoredLen
		}
		slices.Sort(names[m.Version])
		out[i] = serve.VersionInfo{
			Version: uint64(m.Version), LogTime: m.LogTime, StateHash: m.StateHash,
			Channels: names[m.Version], Bytes: size, Summary: m.Summary,
		}
	}
	slices.SortFunc(out, func(a, b serve.VersionInfo) int { return cmp.Compare(b.Version, a.Version) })
	return out, nil
}
