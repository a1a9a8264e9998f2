package bootcheck

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Config is a kernel's final configuration.
type Config struct {
	values map[string]string // by symbol, without CONFIG_; none is "n"
}

// ParseConfig reads a .config: lines CONFIG_NAME=value, comments, and nothing
// else. A symbol that is set twice is an error: the later line would win, and
// nobody writes that on purpose.
func ParseConfig(text []byte) (Config, error) {
	c := Config{values: map[string]string{}}
	for i, line := range strings.Split(string(bytes.TrimSuffix(text, []byte("\n"))), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if err := c.add(line); err != nil {
			return Config{}, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return c, nil
}

func (c Config) add(line string) error {
	setting, found := strings.CutPrefix(line, "CONFIG_")
	name, value, ok := strings.Cut(setting, "=")
	if !found || !ok || name == "" || strings.Trim(name, symbolBytes) != "" || value == "" {
		return fmt.Errorf("got %q, want CONFIG_NAME=value or a comment", line)
	}
	if _, twice := c.values[name]; twice {
		return fmt.Errorf("CONFIG_%s is set a second time", name)
	}
	c.values[name] = value
	return nil
}

const symbolBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

// BuiltIn reports whether the symbol is y.
func (c Config) BuiltIn(name string) bool { return c.values[name] == "y" }

// State is how the configuration has the symbol, in its own words.
func (c Config) State(name string) string {
	if value, ok := c.values[name]; ok {
		return "CONFIG_" + name + "=" + value
	}
	return "CONFIG_" + name + " is not set"
}

// Int is the value of a symbol that is a decimal number.
func (c Config) Int(name string) (int64, bool) {
	n, err := strconv.ParseInt(c.values[name], 10, 64)
	return n, err == nil
}
