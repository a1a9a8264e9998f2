package passwd

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// CheckAuthorizedKey gives an error unless line is one public key as sshd(8),
// "AUTHORIZED_KEYS FILE FORMAT", has it: options, type, base64, comment. The
// key itself is decoded and must be of the type that the line says.
func CheckAuthorizedKey(line string) error {
	if strings.Contains(line, "PRIVATE KEY") {
		return errors.New("got a private key; want the public one, from the file that ends in .pub")
	}
	if strings.ContainsAny(line, "\r\n\x00") {
		return errors.New("got several lines, want one key")
	}
	if strings.TrimSpace(line) == "" || line[0] == '#' {
		return errors.New("got a line without a key")
	}
	if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line)); err != nil {
		return fmt.Errorf("%q: want options (or none), type, base64 and comment, as in a .pub file", shorten(line))
	}
	return nil
}

// ParseAuthorizedKeys reads a whole file of keys, called name in errors, and
// returns its lines without comments and empty ones.
func ParseAuthorizedKeys(name string, data []byte) ([]string, error) {
	var keys []string
	var errs []error
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := CheckAuthorizedKey(line); err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", name, i+1, err))
			continue
		}
		keys = append(keys, line)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return keys, nil
}

// shorten leaves as much of a key as one needs to find it.
func shorten(line string) string {
	if len(line) <= 60 {
		return line
	}
	return line[:57] + "..."
}
