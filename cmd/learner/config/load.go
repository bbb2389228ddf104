package config

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
)

// Load reads the configuration at path, applies the environment, and makes relative
// paths in it relative to the file's folder. Every error of the file is in the
// Errors that it returns.
//
// PERENNIAL_DATA, PERENNIAL_HTTP_ADDRESS, PERENNIAL_HTTP_ADMIN_TOKEN and
// PERENNIAL_LOG_URL, if set and not empty, take the place of data, http.address,
// http.admin_token and log.url.
func Load(path string) (*Config, error) { return load(path, os.Getenv) }

func load(path string, getenv func(string) string) (*Config, error) {
	data, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c, err := parse(path, data, getenv)
	if err != nil {
		return nil, err
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("resolve the folder of %s: %w", path, err)
	}
	for _, p := range []*string{
		&c.Data, &c.Log.Dir, &c.Log.Credentials, &c.Log.TLS.CA, &c.Log.TLS.Cert, &c.Log.TLS.Key,
	} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(folder, *p)
		}
	}
	return c, nil
}

// Folder returns the folder of the model's checkpoints.
func (c *Config) Folder(model string) string { return filepath.Join(c.Data, "models", model) }

// read returns the file, or as much of it as shows that it is too long.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// Parse reads a configuration from memory; name stands for the file in errors. The
// environment has no say, and relative paths stay relative. The error is an Errors
// with every rule that the configuration breaks, in the order of the file.
func Parse(name string, data []byte) (*Config, error) {
	return parse(name, data, func(string) string { return "" })
}

func parse(name string, data []byte, getenv func(string) string) (*Config, error) {
	rules, err := newRuler()
	if err != nil {
		return nil, err
	}
	return parseBy(rules, name, data, getenv)
}

func parseBy(rules *ruler, name string, data []byte, getenv func(string) string) (*Config, error) {
	p := &problems{file: name}
	root := parseYAML(data, p)
	if root == nil {
		return nil, p.err()
	}
	rules.judge(root, p)
	var c Config
	decode(root, reflect.ValueOf(&c).Elem(), nil, p)
	c.override(getenv, p)
	c = c.WithDefaults()
	check := checker{root, p}
	check.zeros(root, reflect.ValueOf(&c).Elem(), nil)
	check.config(&c)
	if err := p.err(); err != nil {
		return nil, err
	}
	return &c, nil
}

// override lets the environment take the place of a few fields, before the defaults.
func (c *Config) override(getenv func(string) string, p *problems) {
	set := func(name string, secret bool, rule func(string) string, apply func(string)) {
		value := getenv(name)
		if value == "" {
			return
		}
		if broken := rule(value); broken != "" {
			e := Error{File: "environment", Field: name, Rule: broken}
			if !secret {
				e.Got = strconv.Quote(value)
			}
			p.list = append(p.list, e)
			return
		}
		apply(value)
	}
	set("PERENNIAL_DATA", false, anything, func(v string) { c.Data = v })
	set("PERENNIAL_HTTP_ADDRESS", false, address, func(v string) { c.HTTP.Address = v })
	set("PERENNIAL_HTTP_ADMIN_TOKEN", true, anything, func(v string) { c.HTTP.AdminToken = v })
	set("PERENNIAL_LOG_URL", false, server, func(v string) {
		// The log is outside then, whatever the file says of an embedded one.
		c.Log.URL, c.Log.Dir, c.Log.Listen = v, "", ""
	})
}

func anything(string) string { return "" }

// server is the rule of PERENNIAL_LOG_URL; the log itself reads lists of URLs.
func server(value string) string {
	if u, err := url.Parse(value); err != nil || u.Host == "" {
		return "must be a URL such as nats://host:4222"
	}
	return ""
}
