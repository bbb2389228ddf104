package distribute

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/perennial-ml/perennial/models"
)

// chunkSize of an object; what a message may hold is 1 MiB unless configured.
const chunkSize = 128 << 10

// An upload is an object on its way.
type upload struct {
	object, digest string
	pending        []jetstream.PubAckFuture
}

// send puts one chunk on its way to an object, as the Object Store lays it out:
// chunks on a subject of their own, then the description, which replaces the one
// before. Several uploads share one wait, which ObjectStore.Put would not do; it
// also makes a publisher and a goroutine per call, and at its pace here the few
// goroutines that never end add up.
func (p *Publisher) send(c *models.Chunk, object string) (*upload, error) {
	p.uploads++
	id := fmt.Sprintf("e%dn%d", p.epoch, p.uploads)
	up := &upload{object: object, digest: c.Digest()}
	var encoded bytes.Buffer
	encoded.Grow(4 * len(c.Values()))
	// A buffer takes everything.
	_, _ = c.WriteTo(&encoded)
	data := encoded.Bytes()
	sum := sha256.New()
	sum.Write(data)
	info := jetstream.ObjectInfo{
		ObjectMeta: jetstream.ObjectMeta{Name: object, Opts: &jetstream.ObjectMetaOptions{ChunkSize: chunkSize}},
		Bucket:     p.bucket, NUID: id, Size: uint64(len(data)), Digest: jetstream.GetObjectDigestValue(sum),
	}
	for ; len(data) > 0; data = data[min(chunkSize, len(data)):] {
		if err := up.publish(p.js, nats.NewMsg(p.chunks(id)), data[:min(chunkSize, len(data))]); err != nil {
			return nil, err
		}
		info.Chunks++
	}
	meta, err := json.Marshal(info)
	if err != nil {
		return nil, err
	}
	m := nats.NewMsg(p.description(object))
	m.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	if err := up.publish(p.js, m, meta); err != nil {
		return nil, err
	}
	if old := p.objects[object]; old != "" {
		p.replaced = append(p.replaced, old)
	}
	p.objects[object] = id
	return up, nil
}

func (u *upload) publish(js jetstream.JetStream, m *nats.Msg, data []byte) error {
	m.Data = data
	ack, err := js.PublishMsgAsync(m)
	if err == nil {
		u.pending = append(u.pending, ack)
	}
	return err
}

// wait returns once the object is stored.
func (u *upload) wait(ctx context.Context) error {
	for _, ack := range u.pending {
		select {
		case <-ack.Ok():
		case err := <-ack.Err():
			return fmt.Errorf("object %s: %w", u.object, err)
		case <-ctx.Done():
			return fmt.Errorf("object %s: %w", u.object, ctx.Err())
		}
	}
	return nil
}

// discard removes the chunks that overwritten objects had.
func (p *Publisher) discard(ctx context.Context) error {
	for len(p.replaced) > 0 {
		if err := p.stream.Purge(ctx, jetstream.WithPurgeSubject(p.chunks(p.replaced[0]))); err != nil {
			return fmt.Errorf("remove old chunks: %w", err)
		}
		p.replaced = p.replaced[1:]
	}
	return nil
}

func (p *Publisher) chunks(id string) string { return chunksSubject(p.bucket, id) }

// chunksSubject is where the messages with an object's bytes lie, of that id.
func chunksSubject(bucket, id string) string { return "$O." + bucket + ".C." + id }

// objectStream is the stream under an Object Store.
func objectStream(bucket string) string { return "OBJ_" + bucket }

func (p *Publisher) description(object string) string {
	return "$O." + p.bucket + ".M." + base64.URLEncoding.EncodeToString([]byte(object))
}
