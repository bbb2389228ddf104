package feedback

import (
	"mime"
	"strings"
	"time"
)

// attribute numbers the context attributes that an Event keeps or checks, in the
// order in which faults are reported.
type attribute int

const (
	attrConsent attribute = iota
	attrSpecVersion
	attrID
	attrSource
	attrType
	attrSubject
	attrTime
	attrContentType
	attributeCount
)

func (a attribute) String() string {
	return [attributeCount]string{
		"consent", "specversion", "id", "source", "type", "subject", "time", "datacontenttype",
	}[a]
}

// attributeOf returns the attribute of that name, and whether it is one that an
// Event knows.
func attributeOf(name string) (attribute, bool) {
	switch name {
	case "consent":
		return attrConsent, true
	case "specversion":
		return attrSpecVersion, true
	case "id":
		return attrID, true
	case "source":
		return attrSource, true
	case "type":
		return attrType, true
	case "subject":
		return attrSubject, true
	case "time":
		return attrTime, true
	case "datacontenttype":
		return attrContentType, true
	}
	return 0, false
}

const (
	contentJSON  = "application/json"
	ruleTime     = "must be an RFC 3339 timestamp"
	ruleJSON     = "must be application/json, or another JSON type, in UTF-8"
	ruleOnce     = "must stand once"
	ruleNotEmpty = "must not be empty"
)

// attributes collects an envelope's attributes as text, in whatever order they come,
// so that faults are found in one fixed order afterwards.
type attributes struct {
	value [attributeCount]string
	has   [attributeCount]bool
	fault [attributeCount]*Refusal
	// broken is why the text could not be read to its end.
	broken *Refusal
	// other is the first other fault outside the attributes, in the order of the text.
	other *Refusal
}

// unreadable stands for a consent that was said and that cannot be told.
const unreadable = "?"

// put takes a value of an attribute. Of several the last stays, except that a consent
// said twice is none if it was none once, and otherwise cannot be told.
func (a *attributes) put(i attribute, value string) {
	if a.has[i] {
		a.blame(i, refuse(CodeDuplicateKey, i.String(), ruleOnce))
		if none := ConsentNone.String(); i == attrConsent && a.value[i] == none {
			value = none
		} else if i == attrConsent && value != none {
			value = unreadable
		}
	}
	a.has[i] = true
	a.value[i] = value
}

// blame records a fault of one attribute; the first one stays.
func (a *attributes) blame(i attribute, r *Refusal) {
	if a.fault[i] == nil {
		a.fault[i] = r
	}
}

// event builds the Event, as far as it can be read, and returns the first fault. If
// anything is wrong and consent says none, that is the fault.
func (a *attributes) event(data []byte) (Event, *Refusal) {
	e := Event{
		ID: a.value[attrID], Source: a.value[attrSource], Type: a.value[attrType],
		Subject: a.value[attrSubject], Data: data,
	}
	if a.has[attrConsent] {
		var err error
		if e.Consent, err = ParseConsent(a.value[attrConsent]); err != nil || e.Consent == ConsentUnset {
			a.fault[attrConsent] = refuse(CodeConsentUnreadable, "consent", ruleConsent)
		}
	}
	if a.has[attrTime] {
		if err := e.Time.UnmarshalText([]byte(a.value[attrTime])); err != nil {
			e.Time = time.Time{}
			a.blame(attrTime, refuse(CodeAttribute, "time", ruleTime))
		}
	}
	if a.value[attrSpecVersion] != SpecVersion {
		a.blame(attrSpecVersion, refuse(CodeSpecVersion, "specversion", "must be 1.0"))
	}
	if a.has[attrSubject] && e.Subject == "" {
		a.blame(attrSubject, refuse(CodeAttribute, "subject", ruleNotEmpty))
	}
	if a.has[attrContentType] && !isJSON(a.value[attrContentType]) {
		a.blame(attrContentType, refuse(CodeMediaType, "datacontenttype", ruleJSON))
	}
	r := a.first(&e)
	if r != nil && e.Consent == ConsentNone {
		r = refuse(CodeConsentRefused, "consent", ruleConsentGiven)
	}
	return e, r
}

func (a *attributes) first(e *Event) *Refusal {
	if a.broken != nil && a.fault[attrConsent] == nil {
		return a.broken
	}
	for _, r := range a.fault {
		if r != nil {
			return r
		}
	}
	if a.other != nil {
		return a.other
	}
	return e.check()
}

// isJSON reports whether a media type stands for JSON in UTF-8.
func isJSON(mediaType string) bool {
	if mediaType == contentJSON {
		return true
	}
	t, params, err := mime.ParseMediaType(mediaType)
	if err != nil || !utf8Charset(params) {
		return false
	}
	return t == contentJSON || t == "text/json" || strings.HasSuffix(t, "+json")
}

func utf8Charset(params map[string]string) bool {
	c, ok := params["charset"]
	return !ok || strings.EqualFold(c, "utf-8") || strings.EqualFold(c, "us-ascii")
}
