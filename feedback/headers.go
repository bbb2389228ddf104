package feedback

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// headerPrefix marks a context attribute in binary mode.
const headerPrefix = "ce-"

// FromHeaders reads a NATS message: in binary mode the attributes stand in headers
// named "ce-" and the attribute, in any case, and data is the payload. A message
// whose Content-Type starts with application/cloudevents, or which has no header
// that starts with "ce-", is read in structured mode: data is the whole event.
//
// The Event shares data's memory. The error is always a *Refusal; the Event then
// holds what could be read, its consent among it, so that a dead letter can be
// weighed with Decoder.MayKeep.
func FromHeaders(header map[string][]string, data []byte) (Event, error) {
	if !binaryMode(header) {
		return orError(parseStructured(data))
	}
	return orError(binaryEvent(header, data))
}

// Headers returns the event's attributes as NATS headers; with Data as the message's
// payload it is the event in binary mode.
func (e Event) Headers() map[string][]string {
	h := make(map[string][]string, 12) // with room for what a transport adds
	values := make([]string, 0, attributeCount)
	put := func(header, value string) {
		if value != "" {
			values = append(values, escapeHeader(value))
			n := len(values)
			h[header] = values[n-1 : n : n]
		}
	}
	put(headerPrefix+"specversion", SpecVersion)
	put(headerPrefix+"id", e.ID)
	put(headerPrefix+"source", e.Source)
	put(headerPrefix+"type", e.Type)
	put(headerPrefix+"subject", e.Subject)
	put(headerPrefix+"time", timeText(e.Time))
	put(headerPrefix+"consent", e.Consent.String())
	if len(e.Data) > 0 {
		put(headerPrefix+"datacontenttype", contentJSON)
	}
	return h
}

func orError(e Event, r *Refusal) (Event, error) {
	if r != nil {
		return e, r
	}
	return e, nil
}

func binaryMode(header map[string][]string) bool {
	binary := false
	for name, values := range header {
		if len(name) >= len(headerPrefix) && strings.EqualFold(name[:len(headerPrefix)], headerPrefix) {
			binary = true
		}
		if strings.EqualFold(name, "content-type") {
			for _, v := range values {
				if isCloudEventType(v) {
					return false
				}
			}
		}
	}
	return binary
}

func isCloudEventType(v string) bool {
	const structured = "application/cloudevents"
	return len(v) >= len(structured) && strings.EqualFold(v[:len(structured)], structured)
}

// binaryEvent reads the "ce-" headers, and takes data as the payload.
func binaryEvent(header map[string][]string, data []byte) (Event, *Refusal) {
	var a attributes
	var name [len("datacontenttype")]byte
	// The transport keeps the names' case, so that one attribute may stand under several
	// names. Sorted, they tell the same story every time.
	var scratch [2 * attributeCount]string
	keys := scratch[:0]
	for key := range header {
		if len(key) > len(headerPrefix) && strings.EqualFold(key[:len(headerPrefix)], headerPrefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		values := header[key]
		key = key[len(headerPrefix):]
		if len(key) > len(name) {
			continue
		}
		i, known := attributeOf(string(lower(name[:0], key)))
		if !known {
			continue
		}
		for _, v := range values {
			text, ok := unescapeHeader(v)
			if !ok {
				a.blame(i, refuse(CodeAttribute, i.String(), "must be percent-encoded UTF-8"))
			}
			// Headers are often parts of one long text. What outlives the event, in a
			// join window say, must not keep all of it.
			if i == attrID || i == attrSubject {
				text = strings.Clone(text)
			}
			a.put(i, text)
		}
	}
	return a.event(data)
}

func lower(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// escapeHeader percent-encodes what the CloudEvents bindings want encoded: all but
// printable ASCII, and space, double quote and percent.
func escapeHeader(s string) string {
	plain := func(c byte) bool { return c > ' ' && c <= '~' && c != '"' && c != '%' }
	i := 0
	for i < len(s) && plain(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	const hex = "0123456789ABCDEF"
	out := append(make([]byte, 0, len(s)+8), s[:i]...)
	for ; i < len(s); i++ {
		if c := s[i]; plain(c) {
			out = append(out, c)
		} else {
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(out)
}

// unescapeHeader undoes one round of quoting and of percent-encoding. It reports
// false, and returns the text as it stands, if that is not valid.
func unescapeHeader(s string) (string, bool) {
	text := s
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		text = unquote(text[1 : len(text)-1])
	}
	if strings.IndexByte(text, '%') < 0 {
		return text, utf8.ValidString(text)
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' {
			if i+2 >= len(text) {
				return s, false
			}
			hi, okHi := nibble(text[i+1])
			lo, okLo := nibble(text[i+2])
			if !okHi || !okLo {
				return s, false
			}
			c = hi<<4 | lo
			i += 2
		}
		out = append(out, c)
	}
	return string(out), utf8.Valid(out)
}

// unquote takes the backslashes out of the body of a quoted string.
func unquote(body string) string {
	if strings.IndexByte(body, '\\') < 0 {
		return body
	}
	out := make([]byte, 0, len(body))
	for i := 0; i < len(body); i++ {
		if body[i] == '\\' && i+1 < len(body) {
			i++
		}
		out = append(out, body[i])
	}
	return string(out)
}

func nibble(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
