package config

import (
	"net/url"
	"strconv"
)

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
