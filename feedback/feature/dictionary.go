package feature

import "fmt"

// A Dictionary knows a model's features. Create it with New.
type Dictionary struct {
	features   []Feature
	slots      []slot
	byName     map[string]int
	ignore     bool
	dense      int
	categories []int
	bags       []Bag
}

// A Bag is where a Row has the values of a categorical feature that is an array.
type Bag struct {
	First, Size int // in Row.Categories
	Pool        Pool
}

// slot is what Encode needs to know of a feature.
type slot struct {
	at      int    // first dense column, or index of the first category
	salt    uint64 // hash state after the name
	buckets uint64
	// What stands in for a missing or invalid value.
	number float32
	bucket int32
	// The rule that a value beyond the bound breaks.
	beyond string
}

// New checks the configuration, defaults filled in, and returns its dictionary. The
// error names field and rule.
func New(c Config) (*Dictionary, error) {
	c = c.WithDefaults()
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("feature dictionary: %w", err)
	}
	d := &Dictionary{
		features: c.Features,
		slots:    make([]slot, len(c.Features)),
		byName:   make(map[string]int, len(c.Features)),
		ignore:   c.Unknown == Ignore,
	}
	for i, f := range c.Features {
		s := &d.slots[i]
		d.byName[f.Name] = i
		if f.Kind == Categorical {
			s.at = len(d.categories)
			s.salt = salt(f.Name)
			s.buckets = uint64(f.Buckets)
			s.bucket = s.category([]byte(f.DefaultCategory))
			if f.Max > 0 {
				d.bags = append(d.bags, Bag{First: s.at, Size: f.Max, Pool: f.Pool})
				if f.DefaultCategory == "" {
					s.bucket = NoCategory
				}
			}
			for range f.categories() {
				d.categories = append(d.categories, f.Buckets)
			}
			continue
		}
		s.at = d.dense
		s.number, _ = f.standardise(f.Default)
		s.beyond = fmt.Sprintf("must be at most %g in absolute value once standardised", f.Bound)
		d.dense += f.columns()
	}
	return d, nil
}

// Dense returns the number of dense columns of a Row.
func (d *Dictionary) Dense() int { return d.dense }

// Categories returns the number of buckets of each category of a Row: of each categorical
// feature, in order, and of an array as often as it may have values. The slice is the
// caller's.
func (d *Dictionary) Categories() []int { return append([]int(nil), d.categories...) }

// Bags says which categories of a Row are those of an array, in order. The slice is the
// caller's.
func (d *Dictionary) Bags() []Bag { return append([]Bag(nil), d.bags...) }

// Features returns the features, defaults filled in, in order. The slice is the
// caller's.
func (d *Dictionary) Features() []Feature { return append([]Feature(nil), d.features...) }
