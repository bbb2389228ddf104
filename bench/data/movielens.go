package data

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// rating is one line of a MovieLens file.
type rating struct {
	user, movie int32
	value       float32
	at          int64 // seconds since the Unix epoch
}

// MovieLens reads GroupLens' ratings: user, movie, rating and time, separated by tabs
// (u.data), "::" (ratings.dat) or commas under a header (ratings.csv). The rows are in the
// order of time, and of the file within a second. Ids of users and movies are two
// categories, numbered by the order of the ids; the rating is a value.
func MovieLens(name string, r io.Reader) (*Set, error) {
	in := bufio.NewScanner(&lines{r: r})
	in.Buffer(make([]byte, 0, 1<<16), maxLine+1)
	var list []rating
	line := 0
	for in.Scan() {
		line++
		text := strings.TrimSpace(in.Text())
		if text == "" || line == 1 && strings.HasPrefix(text, "userId,") {
			continue
		}
		v, err := parseRating(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if list = append(list, v); len(list) > maxValues/4 {
			return nil, fmt.Errorf("%w: more than %d ratings", ErrFormat, maxValues/4)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w: %w", line+1, ErrFormat, err)
	}
	slices.SortStableFunc(list, func(a, b rating) int { return cmp.Compare(a.at, b.at) })
	users := numbered(list, func(r rating) int32 { return r.user })
	movies := numbered(list, func(r rating) int32 { return r.movie })
	s := &Set{Name: name, Buckets: []int{max(1, len(users)), max(1, len(movies))}}
	for _, r := range list {
		s.Categories = append(s.Categories, users[r.user], movies[r.movie])
		s.Targets = append(s.Targets, r.value)
	}
	return s, s.check()
}

func parseRating(text string) (rating, error) {
	sep := "\t"
	for _, s := range []string{"::", ","} {
		if strings.Contains(text, s) {
			sep = s
		}
	}
	part := strings.Split(text, sep)
	if len(part) != 4 {
		return rating{}, fmt.Errorf("%w: %d fields, must be user, movie, rating, time", ErrFormat, len(part))
	}
	user, err1 := strconv.ParseInt(part[0], 10, 32)
	movie, err2 := strconv.ParseInt(part[1], 10, 32)
	value, err3 := strconv.ParseFloat(part[2], 32)
	at, err4 := strconv.ParseInt(part[3], 10, 64)
	if err := cmp.Or(err1, err2, err3, err4); err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		return rating{}, fmt.Errorf("%w: %q: user, movie and time must be whole numbers, the rating finite", ErrFormat, clip(text))
	}
	return rating{int32(user), int32(movie), float32(value), at}, nil
}

// numbered gives each id its place among all of them.
func numbered(list []rating, id func(rating) int32) map[int32]int32 {
	place := map[int32]int32{}
	var ids []int32
	for _, r := range list {
		if _, ok := place[id(r)]; !ok {
			place[id(r)] = 0
			ids = append(ids, id(r))
		}
	}
	slices.Sort(ids)
	for i, v := range ids {
		place[v] = int32(i)
	}
	return place
}
