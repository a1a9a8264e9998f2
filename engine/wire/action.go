package wire

import (
	"time"

	"github.com/kittyhawk/appliance/engine/digest"
)

// Variable is one environment variable.
type Variable struct{ Name, Value string }

// Property is one platform property.
type Property struct{ Name, Value string }

// Command is REAPI's Command. Environment is sorted by name, OutputPaths and
// Platform are sorted.
type Command struct {
	Arguments   []string
	Environment []Variable
	OutputPaths []string // relative to the input root
	Dir         string   // relative to the input root, "" is the root
	Platform    []Property
}

// Encode is the canonical bytes of c.
func (c Command) Encode() []byte {
	var m message
	for _, a := range c.Arguments {
		m.always(1, []byte(a))
	}
	for _, v := range c.Environment {
		var sub message
		sub.string(1, v.Name)
		sub.string(2, v.Value)
		m.always(2, sub)
	}
	if len(c.Platform) > 0 {
		m.always(5, encodePlatform(c.Platform))
	}
	m.string(6, c.Dir)
	for _, p := range c.OutputPaths {
		m.always(7, []byte(p))
	}
	return m
}

// Action is REAPI's Action; its digest is the cache key.
type Action struct {
	Command   digest.Digest
	InputRoot digest.Digest
	Timeout   time.Duration
	Platform  []Property
}

// Encode is the canonical bytes of a.
func (a Action) Encode() []byte {
	var m message
	m.digest(1, a.Command)
	m.digest(2, a.InputRoot)
	if a.Timeout != 0 {
		m.always(6, encodeDuration(a.Timeout))
	}
	if len(a.Platform) > 0 {
		m.always(10, encodePlatform(a.Platform))
	}
	return m
}

func encodePlatform(properties []Property) []byte {
	var m message
	for _, p := range properties {
		var sub message
		sub.string(1, p.Name)
		sub.string(2, p.Value)
		m.always(1, sub)
	}
	return m
}

// encodeDuration is google.protobuf.Duration.
func encodeDuration(d time.Duration) []byte {
	var m message
	m.varint(1, uint64(d/time.Second))
	m.varint(2, uint64(d%time.Second))
	return m
}
